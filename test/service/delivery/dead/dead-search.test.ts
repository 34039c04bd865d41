// What an index answers is held against what reading every record would have answered, whatever the records are like.

import fc from 'fast-check'
import t from 'tap'
import { deadLetter } from '../../../../service/delivery/dead/dead-letter.ts'
import { type DeadLetterFilter, matches } from '../../../../service/delivery/dead/dead-letter-filter.ts'
import { DeadLetterSearch } from '../../../../service/delivery/dead/dead-letter-search.ts'
import { DeadStore } from '../../../../service/delivery/dead/dead-store.ts'
import { type DeathCause, deadBody } from '../../../../service/delivery/failed-record.ts'
import { type Header, SILENT } from '../../../../storage/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { MemoryEngine } from '../../../support/memory-engine.ts'

const DLQ = 'orders.billing.dlq'
const BODY_SIZE = 100 * 1024 * 1024

interface Dead {
  key: Buffer | null
  headers: Header[]
  reason: string
  cause: DeathCause
}

const dead = (given: Partial<Dead> = {}): Dead => {
  return { key: null, headers: [], reason: '', cause: 'CLIENT_REJECT', ...given }
}

/** A search over these, a second apart in time, in batches of a few. */
async function searchOf(
  records: readonly Dead[],
  { keptBytesMax, tickMs = 0 }: { keptBytesMax?: number; tickMs?: number } = {},
) {
  const engine = new MemoryEngine()
  const clock = new ManualClock(1_000_000)
  await engine.createTopic(DLQ, { partitions: 2, cleanup: 'delete' })
  for (const [n, { key, headers, reason, cause }] of records.entries()) {
    const attempts = [{ at: 1, cause: 'CLIENT_REJECT' as const, reason }]
    const history = { topic: 'orders', partition: n % 2, offset: n, timestampMs: n, deliveryCount: 1, attempts }
    const body = deadBody({ key, value: Buffer.from(`v${n}`), headers }, history, 'billing', cause)
    await engine.append([{ topic: DLQ, partition: n % 2, records: [{ timestampMs: n * 1_000, body }] }])
  }
  let nowMs = 0
  const parts = {
    engine,
    // Time passes as somebody looks at it.
    clock: Object.assign(Object.create(clock), { monotonicMs: () => (nowMs += tickMs) }),
    log: SILENT,
    random: { bytes: (size: number) => Buffer.alloc(size, 7) },
    counters: { skipped: 0 },
    store: await DeadStore.open(engine, clock),
    keptBytesMax,
  }
  return { engine, parts, search: new DeadLetterSearch(parts) }
}

const FROM = { partition: 0, offset: 0 }
const ALL = { from: FROM, lettersMax: 10_000, bytesMax: BODY_SIZE, forMs: 1_000 }

/** By reading every record. */
async function naive(engine: MemoryEngine, filter: DeadLetterFilter): Promise<string[]> {
  const { readPage } = await import('../../../../storage/index.ts')
  const found: string[] = []
  for (const partition of [0, 1]) {
    for (const record of readPage(await engine.read(DLQ, partition, 0, BODY_SIZE)).records) {
      const letter = deadLetter({ topic: DLQ, partition, offset: record.offset }, record)
      if (letter !== undefined && matches(letter, filter)) found.push(`${partition}.${record.offset}`)
    }
  }
  return found
}

const word = fc.constantFrom('a', 'b', 'ab', 'bank', 'ä€', '', '__proto__', 'x'.repeat(300))
const headerName = fc.constantFrom('n', 'a', 'ab', '__dlq.errors.group', 'toString')
const records: fc.Arbitrary<Dead[]> = fc.array(
  fc.record({
    key: fc.option(
      word.map((text) => Buffer.from(text)),
      { nil: null },
    ),
    headers: fc.oneof(
      fc.array(
        fc.tuple(
          fc.constantFrom('n', 'a', 'ab', 'toString'),
          fc.option(
            word.map((text) => Buffer.from(text)),
            { nil: null },
          ),
        ),
        {
          maxLength: 4,
        },
      ),
      fc.constant(
        Array.from({ length: 30 }, (_, n): Header => [`h${n}`, Buffer.from('a')]).concat([['n', Buffer.from('b')]]),
      ),
    ),
    reason: word,
    cause: fc.constantFrom<DeathCause>('CLIENT_REJECT', 'DELIVERY_COUNT_EXCEEDED'),
  }),
  { maxLength: 40 },
)
const filters: fc.Arbitrary<DeadLetterFilter> = fc.record(
  {
    reason: word,
    cause: fc.constantFrom('CLIENT_REJECT', 'DELIVERY_COUNT_EXCEEDED', 'ELSE'),
    key: word,
    headers: fc.dictionary(headerName, fc.oneof(word, fc.constant('billing')), { maxKeys: 2 }),
    fromMs: fc.integer({ min: 0, max: 40_000 }),
    toMs: fc.integer({ min: 0, max: 40_000 }),
  },
  { requiredKeys: [] },
)

t.test('every filter finds, counts, groups and marks for removal just what reading each record would', async () => {
  const promise = fc.asyncProperty(records, filters, fc.boolean(), async (all, filter, isTight) => {
    const { engine, search } = await searchOf(all, isTight ? { keptBytesMax: 1 } : {})
    const expected = await naive(engine, filter)
    const { letters, unreadable, next } = await search.find(DLQ, filter, ALL)
    const found = letters.map(({ place }) => `${place.partition}.${place.offset}`)
    if (`${found}` !== `${expected}` || unreadable > 0 || next !== undefined)
      throw new Error(`found ${found}, not ${expected}`)
    const count = await search.count(DLQ, filter)
    if (count !== expected.length) throw new Error(`${count} are counted, not ${expected.length}`)
    const { reasons, others } = await search.reasons(DLQ, filter)
    const sum = reasons.reduce((sum, reason) => sum + reason.count, others)
    if (sum !== expected.length) throw new Error(`reasons sum up to ${sum}, not ${expected.length}`)
    const { removal } = await search.places(DLQ, filter, { from: FROM, ends: [100, 100], max: 1_000, forMs: 1_000 })
    const removed = [...removal].flatMap(([partition, offsets]) => offsets.map((offset) => `${partition}.${offset}`))
    if (`${removed}` !== `${expected}`) throw new Error(`${removed} would be removed, not ${expected}`)
  })
  await fc.assert(promise, { numRuns: 400 })
})

t.test(
  'a page that takes too long ends early, also where nothing matches; its cursor goes on to the end',
  async (t) => {
    const all = Array.from({ length: 400 }, (_, n) => dead({ key: Buffer.from(`k${n}`), reason: `r${n}` }))
    for (const [filter, expected] of [
      [{}, 400],
      [{ key: 'k399' }, 1],
      [{ key: 'nobody' }, 0],
    ] as const) {
      const { engine, search } = await searchOf(all, { tickMs: 7 })
      const read = engine.read.bind(engine)
      engine.read = (topic, partition, from) => read(topic, partition, from, 1_000)
      let found = 0
      let pages = 0
      for (let from: typeof FROM | undefined = FROM; from !== undefined; pages++) {
        const page = await search.find(DLQ, filter, { ...ALL, from, forMs: 50 })
        found += page.letters.length
        from = page.next
      }
      t.equal(found, expected, JSON.stringify(filter))
      t.ok(pages > 1, `${pages} pages`)
      t.ok(pages < 1_000, 'each goes on')
    }
  },
)

t.test('a cursor far behind an index that is not there yet is answered in time as well', async (t) => {
  const { engine, search } = await searchOf(
    Array.from({ length: 400 }, () => dead()),
    { tickMs: 7 },
  )
  const read = engine.read.bind(engine)
  let reads = 0
  engine.read = (topic, partition, from) => {
    reads++
    return read(topic, partition, from, 1_000)
  }
  const from = { partition: 1, offset: 190 }
  const first = await search.find(DLQ, {}, { ...ALL, from, forMs: 50 })
  t.ok(reads < 10, `${reads} reads`)
  t.same(first, { letters: [], unreadable: 0, next: from }, 'nothing yet, and where it was')
  let found = 0
  for (let next: typeof from | undefined = from; next !== undefined; ) {
    const page = await search.find(DLQ, {}, { ...ALL, from: next, forMs: 50 })
    found += page.letters.length
    next = page.next
  }
  t.equal(found, 10)
})

t.test('memory is bounded: indexes leave, a full one is followed by pieces, and answers stay right', async (t) => {
  const all = Array.from({ length: 3_000 }, (_, n) => dead({ key: Buffer.from(`k${n % 10}`), reason: `r${n}` }))
  const { engine, search } = await searchOf(all, { keptBytesMax: 100_000 })
  const read = engine.read.bind(engine)
  engine.read = (topic, partition, from) => read(topic, partition, from, 20_000)
  await search.indexes.warm(DLQ)
  t.ok(search.indexes.size < 100_000, 'warming leaves room')
  for (let i = 0; i < 3; i++) {
    t.equal(await search.count(DLQ, { key: 'k3' }), 300)
    t.equal(await search.count(DLQ, { reason: 'r2999' }), 1)
    t.equal((await search.find(DLQ, { key: 'k4' }, ALL)).letters.length, 300)
    t.ok(search.indexes.size <= 150_000, `${search.indexes.size} bytes`)
  }
  const before = search.indexes.behind(DLQ)
  await search.indexes.warm(DLQ)
  t.equal(search.indexes.behind(DLQ), before, 'what has no room is not looked at again and again')
})

t.test('an index of 100,000 with a key and three headers takes about 6 MB', async (t) => {
  const headers = (n: number): Header[] => [
    ['region', Buffer.from('north')],
    ['order', Buffer.from(String(n))],
    ['trace', Buffer.from(`t${n}`)],
  ]
  const all = Array.from({ length: 5_000 }, (_, n) =>
    dead({ key: Buffer.from(`k${n}`), headers: headers(n), reason: 'bank' }),
  )
  const { search } = await searchOf(all)
  await search.indexes.warm(DLQ)
  const perRecord = search.indexes.size / all.length
  // Columns grow by doubling, so half of them may be empty.
  t.ok(perRecord > 40 && perRecord < 2 * 60, `${perRecord} bytes each`)
})

t.test('reasons that all differ: a bounded list, and honest others', async (t) => {
  const all = Array.from({ length: 1_500 }, (_, n) => dead({ reason: n % 3 === 0 ? 'bank' : `r${n}` }))
  const { search } = await searchOf(all)
  const { reasons, others } = await search.reasons(DLQ, {})
  t.equal(reasons.length, 1_000)
  t.match(reasons[0], { reason: 'bank', count: 500 })
  t.equal(others, 1)
})

t.test('a topic that is made anew while it is looked at ends the look', { timeout: 10_000 }, async (t) => {
  const { engine, search } = await searchOf(Array.from({ length: 20 }, () => dead()))
  const read = engine.read.bind(engine)
  engine.read = async (topic, partition, from) => {
    const bytes = await read(topic, partition, from, 1)
    await engine.deleteTopic(DLQ)
    await engine.createTopic(DLQ, { partitions: 2, cleanup: 'delete' })
    engine.read = async () => Buffer.alloc(0)
    return bytes
  }
  t.ok((await search.count(DLQ, {})) <= 20)
})

t.test('fingerprints that are the same by chance: nothing is shown or removed that does not match', async (t) => {
  const { search } = await searchOf(['ada', 'ben', 'ada'].map((key) => dead({ key: Buffer.from(key) })))
  search.indexes.fingerprints.ofKey = (_bytes, _from, _to, prints) => void prints.push(1, 2)
  const filter = { key: 'ada' }
  t.equal((await search.find(DLQ, filter, ALL)).letters.length, 2)
  const { removal, count } = await search.places(DLQ, filter, { from: FROM, ends: [9, 9], max: 9, forMs: 1_000 })
  t.same([count, ...removal], [2, [0, [0, 1]]])
})
