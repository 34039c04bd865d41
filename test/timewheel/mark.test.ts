import t from 'tap'
import { messageId, parseMessageId } from '../../timewheel/entry/place.ts'
import { encodeMark, FIRST_MARK, findMark, lastMark, MARK_TOPIC, type Mark } from '../../timewheel/mark.ts'
import { MemoryEngine } from '../support/memory-engine.ts'

t.test('the last mark, and the first that covers a place, are found among any number of marks', async (t) => {
  const engine = new MemoryEngine()
  await engine.createTopic(MARK_TOPIC, { partitions: 1, cleanup: 'delete' })
  t.same(await lastMark(engine), FIRST_MARK)
  const marks: Mark[] = []
  for (let i = 1; i <= 100; i++) {
    const mark = {
      consumed: i * 3,
      hand: { dueAtMs: 1_000 * Math.ceil(i / 2), offset: i },
      targets: [{ topic: 'orders', partition: i % 4, baseOffset: i * 10, count: 5 }],
    }
    marks.push(mark)
    await engine.append([{ topic: MARK_TOPIC, partition: 0, records: [{ timestampMs: i, body: encodeMark(mark) }] }])
  }
  t.same(await lastMark(engine), marks[99])
  t.same(await findMark(engine, { dueAtMs: 1_000, offset: 0 }), marks[0])
  t.same(await findMark(engine, { dueAtMs: 20_000, offset: 39 }), marks[38])
  t.same(await findMark(engine, { dueAtMs: 1, offset: 200 }), marks[66], 'late: C decides')
  t.equal(await findMark(engine, { dueAtMs: 50_001, offset: 0 }), undefined)
  await engine.deleteRecords(MARK_TOPIC, 0, 50)
  t.equal(await findMark(engine, { dueAtMs: 1_000, offset: 0 }), undefined, 'forgotten')
  t.same(await findMark(engine, { dueAtMs: 49_000, offset: 0 }), marks[96])
})

t.test('an id says its place, and ids sort as their messages fire', async (t) => {
  const places = [
    { dueAtMs: 0, offset: 0 },
    { dueAtMs: 0, offset: 31 },
    { dueAtMs: 1_795_000_000_000, offset: 7 },
    { dueAtMs: 1_795_000_000_001, offset: 0 },
    { dueAtMs: 2 ** 49, offset: 2 ** 53 - 1 },
  ]
  const ids = places.map(messageId)
  t.same(ids, ids.toSorted())
  t.same(ids.map(parseMessageId), places)
  for (const id of ['', 'order-17', ids[0].slice(1), `${ids[0]}0`, ids[0].replace('0', 'u'), 'z'.repeat(26)]) {
    t.equal(parseMessageId(id), undefined, id)
  }
})
