// What comes in between while a redrive is under way.

import t from 'tap'
import { DEAD_TOPIC } from '../../../../service/delivery/index.ts'
import { DwellError, encodeRecordBody } from '../../../../storage/index.ts'
import { GroupRig, textOf } from '../group-rig.ts'
import { begin, countDead, LANE, rejectNext, taskOf } from './redrive-rig.ts'

const DLQ = 'orders.billing.dlq'

async function startWithDead(count: number, partitions = 1) {
  const rig = await GroupRig.start({ orders: partitions }, { retry: [] })
  await die(rig, count, partitions)
  return rig
}

let published = 0
async function die(rig: GroupRig, count: number, partitions = 1) {
  for (let n = 0; n < count; n++) await rig.publish('orders', [`v${published++}`], n % partitions, `key-${n % 2}`)
  await rejectNext(rig, count)
}

async function lane(rig: GroupRig) {
  const partitions = rig.engine.topic(LANE)?.partitions ?? 0
  const logs = await Promise.all(Array.from({ length: partitions }, (_, partition) => rig.log(LANE, partition)))
  return logs.flat().map(({ value }) => String(value))
}

t.test('killed behind each of its appends in turn, a redrive moves each record once', async (t) => {
  for (let appends = 0; appends < 12; appends++) {
    const rig = await startWithDead(12, 2)
    rig.cutAfter(appends)
    begin(rig, 20).catch(() => {})
    await rig.clock.advance(1_000)
    await rig.crash()
    await rig.clock.advance(2_000)
    const tasks = rig.groups.deadLetters.redrives.list()
    t.equal(tasks.length, appends === 0 ? 0 : 1, `its beginning is the first append (${appends})`)
    const moved = await lane(rig)
    t.equal(new Set(moved).size, moved.length, 'none twice')
    t.equal(moved.length, tasks.length * 12)
    t.equal(await countDead(rig), 12 - moved.length)
    if (tasks.length > 0) t.match(tasks[0], { state: 'done', matched: 12, moved: 12, failed: 0 })
  }
})

t.test('what dies while it is counted what matches is not counted, and not moved', async (t) => {
  const rig = await startWithDead(4, 2)
  const read = rig.engine.read.bind(rig.engine)
  rig.engine.read = async (topic, partition, from, maxBytes) => {
    const bytes = await read(topic, partition, from, maxBytes)
    if (topic === DLQ) {
      rig.engine.read = read
      await die(rig, 6, 2)
    }
    return bytes
  }
  const { task, matched } = await begin(rig)
  t.equal(matched, 4)
  await rig.clock.advance(1)
  t.match(taskOf(rig, task), { state: 'done', moved: 4 })
  t.equal(await countDead(rig), 6)
})

t.test('a hundred run at most, also when more begin at once', async (t) => {
  const rig = await startWithDead(1)
  const begun = await Promise.allSettled(Array.from({ length: 130 }, () => begin(rig, 0.001)))
  const refused = begun.filter(({ status }) => status === 'rejected')
  t.equal(refused.length, 30)
  t.match(refused[0], { reason: { code: 'TOO_MANY_REDRIVES' } })
  t.equal(rig.groups.deadLetters.redrives.running, 100)
  const [first] = rig.groups.deadLetters.redrives.list()
  await rig.groups.deadLetters.redrives.stop(first.task)
  await rig.clock.advance(0)
  await begin(rig, 0.001)
})

t.test('of those that ended a thousand are kept, the last ones', async (t) => {
  const rig = await startWithDead(1)
  const tasks: string[] = []
  for (let n = 0; n < 1_010; n++) {
    tasks.push((await begin(rig, undefined, { key: 'nobody' })).task)
    await rig.clock.advance(1)
  }
  for (const _ of ['now', 'after a crash']) {
    const listed = rig.groups.deadLetters.redrives.list()
    t.equal(listed.length, 1_000)
    t.equal(listed[0].task, tasks.at(-1))
    t.equal(listed.at(-1)?.task, tasks[10])
    await rig.crash()
  }
})

t.test('one that begins in a stop rests until the next start', async (t) => {
  const rig = await startWithDead(3)
  const [{ task }] = await Promise.all([begin(rig), rig.groups.stop()])
  await rig.clock.advance(1_000)
  t.match(taskOf(rig, task), { state: 'running', moved: 0 })
  t.same(await lane(rig), [])
  await rig.crash()
  await rig.clock.advance(1)
  t.match(taskOf(rig, task), { state: 'done', moved: 3 })
})

t.test('what retention takes before it is moved is gone; the rest is moved', async (t) => {
  const rig = await startWithDead(10)
  const { task } = await begin(rig, 2)
  await rig.clock.advance(1_000)
  const { moved } = taskOf(rig, task)
  await rig.engine.deleteRecords(DLQ, 0, 7)
  await rig.clock.advance(10_000)
  t.match(taskOf(rig, task), { state: 'done', matched: 10, moved: moved + 3, failed: 0 })
})

t.test('a record that cannot be read is told as failed and stays; a purge of all removes it', async (t) => {
  const rig = await startWithDead(1)
  for (let n = 0; n < 2; n++) await die(rig, 1)
  t.equal(await countDead(rig), 3)
  const read = rig.engine.read.bind(rig.engine)
  rig.engine.read = async (topic, partition, from, maxBytes) => {
    if (topic !== DLQ) return read(topic, partition, from, maxBytes)
    if (from === 1) throw new DwellError('BATCH_DAMAGED', 'damaged', { offset: 1, lastOffset: 1 })
    return read(topic, partition, from, 1)
  }
  const { task } = await begin(rig)
  await rig.clock.advance(1)
  t.match(taskOf(rig, task), { state: 'done', matched: 3, moved: 2, failed: 1 })
  t.equal(await countDead(rig), 1)
  t.equal(await rig.groups.deadLetters.purge('orders', 'billing'), 1)
  t.equal(await countDead(rig), 0)
})

t.test('its dead letters are deleted: it fails, and a later topic of the name is not touched', async (t) => {
  const rig = await startWithDead(10)
  const { task } = await begin(rig, 1)
  await rig.clock.advance(1_000)
  await rig.engine.deleteTopic(DLQ)
  await die(rig, 2)
  await rig.clock.advance(10_000)
  t.match(taskOf(rig, task), { state: 'failed', reason: /no topic orders\.billing\.dlq/ })
  t.equal(await countDead(rig), 2)
})

t.test('a group that is paused meanwhile gets what was moved when it is resumed', async (t) => {
  const rig = await startWithDead(4)
  const { task } = await begin(rig, 10)
  await rig.groups.pause('orders', 'billing', 'night')
  await rig.clock.advance(1_000)
  t.match(taskOf(rig, task), { state: 'done', moved: 4 })
  t.same(await rig.acquire(), [])
  await rig.groups.resume('orders', 'billing')
  t.equal((await rig.acquire()).length, 4)
})

t.test('a purge goes on where it was while others die, and takes only what was dead when it began', async (t) => {
  const rig = await startWithDead(20, 2)
  const append = rig.engine.append.bind(rig.engine)
  rig.engine.append = async (given) => {
    rig.engine.append = append
    await die(rig, 4, 2)
    return append(given)
  }
  t.equal(await rig.groups.deadLetters.purge('orders', 'billing'), 20)
  t.equal(await countDead(rig), 4)
})

t.test(
  'a cursor of another group, a forged one and one from before a purge name a place and nothing else',
  async (t) => {
    const rig = await startWithDead(6, 2)
    const { deadLetters } = rig.groups
    const first = await deadLetters.list('orders', 'billing', { limit: 2 })
    await rig.groups.configure('orders', 'mail', {})
    t.same(await deadLetters.list('orders', 'mail', { limit: 9, after: first.after ?? '' }), {
      records: [],
      after: null,
    })
    t.same(
      await deadLetters
        .list('orders', 'billing', { limit: 9, after: '0.999999999999999' })
        .then(({ records }) => records.length),
      3,
    )
    await deadLetters.purge('orders', 'billing', { key: 'key-0' })
    const rest = await deadLetters.list('orders', 'billing', { limit: 9, after: first.after ?? '' })
    t.equal(new Set(rest.records.map(textOf)).size, rest.records.length)
    t.ok(rest.records.length <= 4)
  },
)

t.test('that a record is removed is forgotten only behind a log start that no crash takes back', async (t) => {
  const rig = await startWithDead(9_000)
  await rig.groups.deadLetters.purge('orders', 'billing')
  // As retention does it, which is durable only with the next checkpoint.
  await rig.engine.deleteRecords(DLQ, 0, 9_000)
  const calls: string[] = []
  const { append, deleteRecords } = rig.engine
  rig.engine.append = (given) => {
    if (given.some(({ topic }) => topic === DEAD_TOPIC)) calls.push('forget')
    return append.call(rig.engine, given)
  }
  rig.engine.deleteRecords = (topic, partition, before) => {
    if (topic === DLQ) calls.push(`delete before ${before}`)
    return deleteRecords.call(rig.engine, topic, partition, before)
  }
  await rig.groups.checkpoint()
  t.same(calls.slice(0, 2), ['delete before 9000', 'forget'])
})

t.test('a form of __dead that is not known stops the start: what was purged must not come back', async (t) => {
  const rig = await startWithDead(1)
  const id = rig.engine.topic(DLQ)?.id
  const body = encodeRecordBody(Buffer.from(`removed/${id}/0/0`), Buffer.from([9, 1, 2]), [])
  await rig.engine.append([{ topic: DEAD_TOPIC, partition: 0, records: [{ timestampMs: 1, body }] }])
  await t.rejects(rig.crash(), { code: 'RECORD_DAMAGED' })
})
