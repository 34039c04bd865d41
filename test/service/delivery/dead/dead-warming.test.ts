// Who asks first need not wait: dead letters are looked at before.

import t from 'tap'
import { GroupRig } from '../group-rig.ts'

const DLQ = 'orders.billing.dlq'

async function startWithDead(count: number) {
  const rig = await GroupRig.start({ orders: 2 }, { retry: [] })
  for (const partition of [0, 1]) await rig.publish('orders', Array(count / 2).fill('v'), partition)
  for (let left = count; left > 0; ) {
    const deliveries = await rig.acquire(left)
    left -= deliveries.length
    const rejected = deliveries.map(({ receipt }) => ({ receipt, type: 'reject' as const, reason: 'bad' }))
    await rig.groups.acknowledge('orders', 'billing', rejected)
  }
  await rig.crash()
  return rig
}

/** How often dead letters are read. */
function readsOf(rig: GroupRig) {
  const read = rig.engine.read.bind(rig.engine)
  const seen = { reads: 0, wait: Promise.resolve() }
  rig.engine.read = async (topic, partition, from, maxBytes) => {
    if (topic === DLQ) {
      seen.reads++
      await seen.wait
    }
    return read(topic, partition, from, maxBytes)
  }
  return seen
}

t.test('after a start the first count, dry run and reasons read nothing', async (t) => {
  const rig = await startWithDead(20)
  await rig.groups.deadLetters.warming.atStart()
  const seen = readsOf(rig)
  const { deadLetters } = rig.groups
  t.equal(await deadLetters.count('orders', 'billing', { reason: 'ba' }), 20)
  t.equal(await deadLetters.count('orders', 'billing', { key: 'nobody' }), 0)
  t.match(await deadLetters.reasons('orders', 'billing'), { reasons: [{ count: 20 }] })
  t.equal(seen.reads, 0)
})

t.test('a start waits for that two seconds at most, and whoever asks meanwhile gets the right answer', async (t) => {
  const rig = await startWithDead(20)
  const seen = readsOf(rig)
  let goOn = () => {}
  seen.wait = new Promise((resolve) => (goOn = resolve))
  let isOver = false
  const start = rig.groups.deadLetters.warming.atStart().then(() => (isOver = true))
  const count = rig.groups.deadLetters.count('orders', 'billing')
  await rig.clock.advance(1_900)
  t.notOk(isOver)
  await rig.clock.advance(200)
  t.ok(isOver)
  await start
  goOn()
  t.equal(await count, 20)
})

t.test('a disk that does not read hinders no start', async (t) => {
  const rig = await startWithDead(2)
  const read = rig.engine.read.bind(rig.engine)
  rig.engine.read = () => Promise.reject(new Error('no disk'))
  await rig.groups.deadLetters.warming.atStart()
  rig.engine.read = read
  t.equal(await rig.groups.deadLetters.count('orders', 'billing'), 2)
})

t.test('nothing is read once more that was looked at, whatever the number of checkpoints', async (t) => {
  const rig = await startWithDead(20)
  await rig.groups.deadLetters.warming.all()
  const seen = readsOf(rig)
  for (let n = 0; n < 3; n++) {
    await rig.groups.checkpoint()
    await rig.clock.advance(0)
  }
  t.equal(seen.reads, 0)
})
