import fc from 'fast-check'
import t from 'tap'
import {
  DeltaWriter,
  decodeKey,
  decodeSnapshot,
  encodeKey,
  encodeSnapshot,
  type GroupState,
  playDelta,
} from '../../../../service/delivery/group/group-log.ts'
import { DEFAULT_GROUP_SETTINGS } from '../../../../service/delivery/group/group-settings.ts'
import { Run, Status } from '../../../../service/delivery/source/run.ts'

const token = Buffer.alloc(16, 7)
const deadlineMs = (lockMs: number) => 1_000 + lockMs
const unread = { acquired() {}, finished() {}, renewed() {}, parked() {}, held() {}, freed() {}, sent() {} }

/** Parked places as a source has them. */
function parkedAt(...places: [offset: number, hash: number][]) {
  const columns = {
    offsets: Float64Array.from(places, ([offset]) => offset),
    hashes: Uint32Array.from(places, ([, hash]) => hash),
  }
  return { columns }
}

function stateOf(statuses: number[], first: number): GroupState {
  const run = new Run(first, token, Uint8Array.from(statuses), { lockMs: 30_000, deadlineMs: 31_000 })
  const place = { index: 3, kind: 'tier' as const, tierMs: 5_000, topicId: 9, partition: 2 }
  return {
    topicId: 4,
    settings: { retry: [5_000, 10_000], lockMs: 30_000, maxInFlight: 2_000, order: 'none', start: 'latest' },
    nextSourceIndex: 4,
    sources: [
      { place, next: run.end, runs: [run], parked: parkedAt(), holds: { list: [], count: 0 }, wheelEnd: 300, began: 5 },
    ],
  }
}

t.test('the bytes of a snapshot and of a delta', async (t) => {
  const snapshot = encodeSnapshot(stateOf([Status.acquired, Status.finished, Status.leaving], 1))
  const settings = Buffer.from(
    '{"retry":[5000,10000],"lockMs":30000,"maxInFlight":2000,"order":"none","start":"latest"}',
  )
  const sources = ['0802', '0601904e12040802', '0206e0d403', '07'.repeat(16), '05', '0000', 'd8040a']
  t.equal(snapshot.toString('hex'), ['040108b0', '01', settings.toString('hex'), ...sources].join(''))
  const delta = new DeltaWriter()
  delta.acquired(3, Run.acquired(100, 2, token, { lockMs: 1, deadlineMs: 2 }))
  delta.finished(3, 100, 1)
  delta.renewed(3, 101, 1, 60_000)
  t.equal(delta.done().toString('hex'), `01020106c8010402${'07'.repeat(16)}0206c801020306ca0102c0a907`)
})

t.test('settings come back whatever fields they have, and fields that are missing have their defaults', async (t) => {
  const read = (settings: object) => {
    const state = { topicId: 1, settings: settings as GroupState['settings'], nextSourceIndex: 0, sources: [] }
    return decodeSnapshot(encodeSnapshot(state), deadlineMs)?.settings
  }
  const paused = { sinceMs: 1, reason: 'bank offline – für heute' }
  t.same(read({ retry: [], paused, later: { a: [1] } }), {
    ...DEFAULT_GROUP_SETTINGS,
    retry: [],
    paused,
    later: { a: [1] },
  })
  t.same(read({}), DEFAULT_GROUP_SETTINGS)
})

t.test('version 1, whose settings were numbers, is still read', async (t) => {
  const bytes = ['010108e0d403a01f01', '04904ea09c01', '0802', '0601904e12040802', '0206e0d403', '07'.repeat(16), '05']
  const read = decodeSnapshot(Buffer.from(bytes.join(''), 'hex'), deadlineMs)
  t.same({ ...read, sources: [] }, { ...stateOf([], 1), sources: [] })
  t.same(read?.sources[0].place, stateOf([], 1).sources[0].place)
  t.same([...(read?.sources[0].runs[0].statuses ?? [])], [Status.acquired, Status.finished, Status.acquired])
})

t.test('a snapshot comes back; what was leaving is acquired', async (t) => {
  const statuses = fc.array(fc.constantFrom(Status.acquired, Status.leaving, Status.finished), { maxLength: 40 })
  const property = fc.property(statuses, fc.nat({ max: 2 ** 50 }), (list, first) => {
    const state = stateOf(list, first)
    const read = decodeSnapshot(encodeSnapshot(state), deadlineMs)
    const run = read?.sources[0].runs[0]
    const expected = list.map((status) => (status === Status.leaving ? Status.acquired : status))
    t.same({ ...read, sources: [] }, { ...state, sources: [] })
    t.same(read?.sources[0].place, state.sources[0].place)
    t.equal(read?.sources[0].next, first + list.length)
    t.match(read?.sources[0], { wheelEnd: 300, began: 5 })
    t.same([run?.first, [...(run?.statuses ?? [])], run?.deadlineMs], [first, expected, 31_000])
    t.equal(run?.open, expected.filter((status) => status === Status.acquired).length)
  })
  fc.assert(property, { numRuns: 50 })
})

t.test('parked places are columns, of eight bytes each, or more where they are very far apart', async (t) => {
  for (const [places, bytes] of [
    [
      [
        [64, 0xfedc_ba98],
        [69, 7],
      ],
      '0480010400000000' + '0500000098badcfe07000000',
    ],
    [
      [
        [2 ** 50, 1],
        [2 ** 50 + 2 ** 32, 2],
      ],
      undefined,
    ],
  ] as const) {
    const state = stateOf([], 1)
    const parked = parkedAt(...(places as unknown as [number, number][]))
    state.sources[0].parked = parked
    const snapshot = encodeSnapshot(state)
    if (bytes !== undefined) t.ok(snapshot.toString('hex').includes(bytes), snapshot.toString('hex'))
    t.same(decodeSnapshot(snapshot, deadlineMs)?.sources[0].parked, parked)
    t.equal(decodeSnapshot(snapshot, deadlineMs)?.sources[0].began, 5)
  }
})

t.test('one is not taken for the other, nor are unknown versions', async (t) => {
  const snapshot = encodeSnapshot(stateOf([], 0))
  const delta = new DeltaWriter().done()
  t.equal(decodeSnapshot(delta, deadlineMs), undefined)
  t.notOk(playDelta(snapshot, unread))
  t.ok(playDelta(delta, unread))
  for (const value of [
    Buffer.of(),
    Buffer.of(2, 1),
    Buffer.of(5, 1),
    Buffer.of(0, 1),
    Buffer.of(1, 9),
    Buffer.of(1, 2, 77),
    Buffer.of(1, 2, 2),
  ]) {
    t.equal(decodeSnapshot(value, deadlineMs), undefined)
    t.notOk(playDelta(value, unread), value.toString('hex'))
  }
})

t.test('what is passed over, held, freed and sent comes back', async (t) => {
  const delta = new DeltaWriter()
  delta.parked(3, 100, 0xffff_ffff)
  delta.held(4, { offset: 101, hash: 9, dueAtMs: 2 ** 41 })
  delta.freed(4, 101)
  delta.sent(4, 2 ** 33)
  const read: unknown[] = []
  const visitor = {
    ...unread,
    parked: (...given: unknown[]) => read.push(given),
    held: (...given: unknown[]) => read.push(given),
    freed: (...given: unknown[]) => read.push(given),
    sent: (...given: unknown[]) => read.push(given),
  }
  t.ok(playDelta(delta.done(), visitor))
  t.same(read, [
    [3, 100, 0xffff_ffff],
    [4, { offset: 101, hash: 9, dueAtMs: 2 ** 41 }],
    [4, 101],
    [4, 2 ** 33],
  ])
})

t.test('a key', async (t) => {
  t.same(decodeKey(encodeKey('orders', 'billing')), ['orders', 'billing'])
})
