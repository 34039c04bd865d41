import t from 'tap'
import { retriedBody } from '../../../../service/delivery/failed-record.ts'
import { DeltaWriter } from '../../../../service/delivery/group/group-log.ts'
import { hashOfKey, KeyTurns } from '../../../../service/delivery/keys/key-turns.ts'
import { ReadAheadBudget } from '../../../../service/delivery/source/read-ahead-budget.ts'
import { MOVES } from '../../../../service/delivery/source/run.ts'
import { Source } from '../../../../service/delivery/source/source.ts'
import { batchSize, writeBatch } from '../../../../storage/batch/record-batch.ts'
import { encodeRecordBody, type LogEngine } from '../../../../storage/index.ts'

const place = { index: 0, kind: 'topic', tierMs: 0, topic: 'orders', topicId: 1, partition: 0 } as const
const token = Buffer.alloc(16)
const lock = { lockMs: 10, deadlineMs: 20 }

/** An engine whose batches leave gaps, as compaction and control batches do. */
function gapped(...batches: [baseOffset: number, count: number][]): LogEngine {
  const bytes = batches.map(([baseOffset, count]) => {
    const record = { timestampMs: 0, body: encodeRecordBody(null, null, []) }
    const records = Array.from({ length: count }, () => record)
    const batch = Buffer.alloc(batchSize(records))
    writeBatch(batch, 0, baseOffset, records)
    return { last: baseOffset + count - 1, batch }
  })
  const read = async (_topic: string, _partition: number, from: number) =>
    Buffer.concat(bytes.filter(({ last }) => last >= from).map(({ batch }) => batch))
  return { read } as unknown as LogEngine
}

t.test('gaps part runs, and the start offset moves over them', async (t) => {
  const source = new Source(place, 0, 12, new ReadAheadBudget())
  const engine = gapped([2, 2], [7, 1], [9, 2])
  while (source.hungry(0, 100)) await source.fill(engine)
  t.equal(source.ready(0, 100), 5)
  const runs = source.acquire(source.peek(5), token, lock, new DeltaWriter())
  t.same(
    runs.map((run) => [run.first, run.end]),
    [
      [2, 4],
      [7, 8],
      [9, 11],
    ],
  )
  t.same([source.startOffset, source.next, source.inFlight], [2, 11, 5])
  for (const [first, count, startOffset] of [
    [2, 2, 7],
    [9, 1, 7],
    [7, 1, 10],
    [10, 1, 11],
  ]) {
    for (let offset = first; offset < first + count; offset++) source.find(offset)?.move(offset, MOVES.leave)
    source.finish(first, count)
    t.equal(source.startOffset, startOffset)
  }
  for (const offset of [0, 4, 8, 11]) t.equal(source.find(offset), undefined)
  while (source.hungry(0, 100)) await source.fill(engine)
  t.same([source.startOffset, source.available], [12, 0], 'nothing is there up to the high watermark')
})

t.test('a finished stretch may span runs', async (t) => {
  const source = new Source(place, 0, 6, new ReadAheadBudget())
  await source.fill(gapped([0, 6]))
  for (let i = 0; i < 3; i++) source.acquire(source.peek(2), token, lock, new DeltaWriter())
  for (let offset = 1; offset < 6; offset++) source.find(offset)?.move(offset, MOVES.leave)
  source.finish(1, 4)
  t.same([source.runs.length, source.startOffset, source.inFlight], [2, 0, 2])
})

t.test('locks of their own part a run', async (t) => {
  const source = new Source(place, 0, 6, new ReadAheadBudget())
  await source.fill(gapped([0, 6]))
  source.acquire(source.peek(6), token, lock, new DeltaWriter())
  source.renew(2, 2, { lockMs: 50, deadlineMs: 70 })
  t.same(
    source.runs.map((run) => [run.first, run.end, run.deadlineMs]),
    [
      [0, 2, 20],
      [2, 4, 70],
      [4, 6, 20],
    ],
  )
  const expired: number[] = []
  source.expired(20, (_run, offset) => expired.push(offset))
  t.same(expired, [0, 1, 4, 5])
  t.same([source.nextDeadlineMs(0), source.nextDeadlineMs(20), source.nextDeadlineMs(70)], [20, 70, Infinity])
  t.equal(source.inFlight, 6)
})

t.test('a reset while it reads: what was read is not used', async (t) => {
  const source = new Source(place, 0, 6, new ReadAheadBudget())
  const filled = source.fill(gapped([0, 6]))
  source.reset(4)
  await filled
  t.equal(source.ready(0, 100), 0)
  await source.fill(gapped([0, 6]))
  t.equal(source.peek(1)[0].offset, 4)
})

t.test(
  'what is held comes also while it is not known whose turn it is (it waited for ever when it was too much)',
  async (t) => {
    const source = new Source({ ...place, kind: 'delayed' }, 0, 2, new ReadAheadBudget())
    const history = { topic: 'orders', partition: 0, timestampMs: 0, deliveryCount: 1, attempts: [] }
    const records = [41, 42].map((offset) => {
      const body = { key: Buffer.from(`key-${offset}`), value: null, headers: [] }
      return { timestampMs: 0, body: retriedBody(body, { ...history, offset }) }
    })
    const batch = Buffer.alloc(batchSize(records))
    writeBatch(batch, 0, 0, records)
    source.turns = new KeyTurns()
    source.holds.add({ offset: 41, hash: hashOfKey(Buffer.from('key-41')), dueAtMs: 0 })
    await source.fill({ read: async () => batch } as unknown as LogEngine)
    t.equal(source.ready(0, 10), 1, 'the other one may have to wait for its key')
    source.acquire(source.peek(1), token, lock, new DeltaWriter())
    t.equal(source.holds.count, 0)
    t.equal(source.ready(0, 10), 0)
  },
)
