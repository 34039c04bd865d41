import t from 'tap'
import type { IdEntry } from '../../../service/publish/id-entry.ts'
import { decodeIdEntry, encodeIdEntry } from '../../../service/publish/id-entry.ts'
import { IDS_TOPIC, Ids } from '../../../service/publish/ids.ts'
import { settle } from '../../support/manual-clock.ts'
import { MemoryEngine } from '../../support/memory-engine.ts'
import { MemoryStore } from '../../support/memory-store.ts'

const WINDOW_MS = 60_000
const PUBLISHED: IdEntry = {
  state: 'published',
  atMs: 1_000,
  dueAtMs: 0,
  delayOffset: 0,
  partition: 3,
  offset: 2 ** 40,
}
const PENDING: IdEntry = { state: 'pending', atMs: 1_000, dueAtMs: 9_000, delayOffset: 7, partition: 0, offset: 0 }

async function rig(engine = new MemoryEngine(), index = new MemoryStore()) {
  const hand = { ms: 1_000, nowMs: () => hand.ms }
  const ids = await Ids.open({ engine, index, hand, windowMs: WINDOW_MS })
  const remember = async (id: string, entry: IdEntry | null) => {
    await engine.append([ids.append(() => [ids.record(1, id, entry)])])
    await settle()
  }
  return { engine, index, hand, ids, remember }
}

t.test('an entry is what was encoded; other bytes are told to be damaged', async (t) => {
  for (const entry of [PUBLISHED, PENDING]) t.strictSame(decodeIdEntry(encodeIdEntry(entry)), entry)
  const bytes = encodeIdEntry(PENDING)
  for (const [at, byte] of [
    [0, 2],
    [1, 9],
  ]) {
    const damaged = Buffer.from(bytes)
    damaged[at] = byte
    t.throws(() => decodeIdEntry(damaged), { code: 'RECORD_DAMAGED' })
  }
  t.throws(() => decodeIdEntry(bytes.subarray(1)), { code: 'RECORD_DAMAGED' })
})

t.test('what stands in __ids is known, also after a checkpoint and from an index that is older', async (t) => {
  const { engine, index, ids, remember } = await rig()
  await remember('a', PUBLISHED)
  await ids.checkpoint()
  await remember('b', PENDING)
  await remember('a', { ...PUBLISHED, offset: 5 })
  for (const { ids: at } of [{ ids }, await rig(engine, index), await rig(engine, new MemoryStore())]) {
    t.match(at.find(1, 'a'), { offset: 5 })
    t.strictSame(at.find(1, 'b'), PENDING)
    t.equal(at.find(2, 'a'), undefined, 'of another topic')
  }
})

t.test('an index that is ahead of the log is made anew', async (t) => {
  const { index, ids, remember } = await rig()
  await remember('a', PUBLISHED)
  await ids.stop()
  const other = await rig(new MemoryEngine(), index)
  t.equal(other.ids.find(1, 'a'), undefined)
  await other.remember('b', PENDING)
  t.strictSame(other.ids.find(1, 'b'), PENDING)
})

t.test('what is over its window is forgotten by checkpoints, also in the log', async (t) => {
  const { engine, index, ids, hand, remember } = await rig()
  await remember('a', PUBLISHED)
  await remember('b', PENDING)
  await ids.checkpoint()
  hand.ms = 1_000 + WINDOW_MS
  await ids.checkpoint()
  t.equal(engine.offsets(IDS_TOPIC, 0).highWatermark, 2, 'not in the last moment of the window')
  hand.ms++
  t.equal(ids.find(1, 'a'), undefined, 'it is over, whether it was swept or not')
  await ids.checkpoint()
  await settle()
  t.equal(engine.offsets(IDS_TOPIC, 0).highWatermark, 3, 'a record without a value says so')
  await ids.checkpoint()
  t.equal((await index.rows({}, 10)).length, 2, 'the pending one, and how far the index is')
  t.strictSame(ids.find(1, 'b'), PENDING)
  t.match(ids.stats, { remembered: 2, forgotten: 1 })
})

t.test('a sweep does not forget an id that is being published again', async (t) => {
  const { engine, ids, hand, remember } = await rig()
  await remember('a', PUBLISHED)
  await ids.checkpoint()
  hand.ms = 1_001 + WINDOW_MS
  const claim = ids.claim(1, ['a'], Promise.resolve())
  await ids.checkpoint()
  t.equal(engine.offsets(IDS_TOPIC, 0).highWatermark, 1)
  const again = { ...PUBLISHED, atMs: hand.ms, offset: 9 }
  const [base] = await engine.append([ids.append(() => [ids.record(1, 'a', again)])])
  ids.published(claim, base, [again])
  await ids.checkpoint()
  await settle()
  t.strictSame(ids.find(1, 'a'), again)
})

t.test('a published id is found before it was read back, and belongs to nobody afterwards', async (t) => {
  const { engine, ids } = await rig()
  const claim = ids.claim(1, ['a', 'b'], Promise.resolve())
  t.equal(ids.claimed(1, ['x', 'b']), claim)
  t.equal(ids.claimed(2, ['a']), undefined)
  ids.published(claim, 0, [PUBLISHED, PENDING])
  t.equal(ids.claimed(1, ['a']), undefined)
  t.strictSame(ids.find(1, 'a'), PUBLISHED)
  await engine.append([ids.append(() => [ids.record(1, 'a', PUBLISHED), ids.record(1, 'b', PENDING)])])
  await ids.caughtUp()
  t.strictSame(ids.find(1, 'b'), PENDING)
})

t.test('more ids than stay in memory go to the index while they are read', async (t) => {
  const { engine, index, ids } = await rig()
  for (let round = 0; round < 5; round++) {
    const records = Array.from({ length: 10_000 }, (_, i) =>
      ids.record(1, `${round}-${i}`, { ...PUBLISHED, offset: i }),
    )
    await engine.append([ids.append(() => records)])
  }
  await ids.caughtUp()
  t.ok((await index.rows({}, 100_000)).length > 20_000)
  t.match(ids.find(1, '0-17'), { offset: 17 })
  t.match(ids.find(1, '4-9999'), { offset: 9_999 })
})
