import t from 'tap'
import { settle } from '../../../support/manual-clock.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const pausedOf = (rig: GroupRig) => rig.groups.settingsOf('orders', 'billing')?.paused

t.test('a paused group hands nothing out, and goes on where it was', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b'])
  t.same((await rig.acquire(1)).map(textOf), ['a'])
  await rig.groups.pause('orders', 'billing', 'bank offline')
  t.same(pausedOf(rig), { sinceMs: rig.clock.wallMs(), reason: 'bank offline' })
  t.same(await rig.acquire(10), [], 'at once')
  await rig.groups.resume('orders', 'billing')
  t.equal(pausedOf(rig), undefined)
  t.same((await rig.acquire(10)).map(textOf), ['b'])
})

t.test('calls wait for the end of a pause, in line, whether they came before it or in it', async (t) => {
  const rig = await GroupRig.start()
  const answers: [number, string[]][] = []
  const wait = (n: number, waitMs: number) =>
    rig.acquire(1, waitMs).then((deliveries) => answers.push([n, deliveries.map(textOf)]))
  wait(1, 20_000)
  await settle()
  await rig.groups.pause('orders', 'billing', '')
  wait(2, 20_000)
  wait(3, 5_000)
  await rig.publish('orders', ['a', 'b', 'c'])
  await rig.clock.advance(4_999)
  t.same(answers, [], 'nobody is answered while it is paused')
  t.equal(rig.groups.stats().waitingAcquires, 3)
  await rig.clock.advance(1)
  t.same(answers, [[3, []]], 'but for those whose wait is over')
  await rig.groups.resume('orders', 'billing')
  await settle()
  t.same(answers.slice(1), [
    [1, ['a']],
    [2, ['b']],
  ])
})

t.test('nothing is taken once a pause began, also while a call was looking', async (t) => {
  for (let turns = 0; turns < 6; turns++) {
    const rig = await GroupRig.start()
    await rig.acquire()
    await rig.publish('orders', ['a'])
    const inFlight = () => rig.groups.describe('orders', 'billing').partitions[0].inFlight
    let out = -1
    rig.groups.listen(() => {
      out = inFlight()
    })
    const call = rig.acquire(1, 5_000)
    for (let i = 0; i < turns; i++) await undefined
    await rig.groups.pause('orders', 'billing', '')
    await rig.clock.advance(5_000)
    t.equal(inFlight(), out, `after ${turns} turns`)
    t.equal((await call).length, out)
  }
})

t.test('a pause, its reason and its time survive a crash; so does its end', async (t) => {
  const rig = await GroupRig.start()
  await rig.acquire()
  const sinceMs = rig.clock.wallMs()
  await rig.groups.pause('orders', 'billing', 'bank offline')
  await rig.clock.advance(5_000)
  await rig.crash()
  t.same(pausedOf(rig), { sinceMs, reason: 'bank offline' })
  await rig.publish('orders', ['a'])
  t.same(await rig.acquire(), [])
  await rig.groups.checkpoint()
  await rig.crash()
  t.same(pausedOf(rig), { sinceMs, reason: 'bank offline' })
  await rig.groups.resume('orders', 'billing')
  await rig.crash()
  t.equal(pausedOf(rig), undefined)
  t.same((await rig.acquire()).map(textOf), ['a'])
})

t.test('a pause is answered when it is durable', async (t) => {
  const rig = await GroupRig.start()
  await rig.acquire()
  rig.engine.held = true
  let answered = 0
  for (let i = 0; i < 2; i++) rig.groups.pause('orders', 'billing', '').then(() => answered++)
  await settle()
  t.equal(answered, 0, 'neither the first nor one that finds the group paused')
  rig.engine.release()
  await settle()
  t.equal(answered, 2)
})

t.test('what is out goes on: acknowledgements, renewals, locks that run out, retries', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b', 'c', 'd'])
  const [a, b, c] = await rig.acquire(4)
  await rig.groups.pause('orders', 'billing', '')
  const results = await rig.groups.acknowledge('orders', 'billing', [
    { receipt: a.receipt, type: 'accept' },
    { receipt: b.receipt, type: 'release' },
    { receipt: c.receipt, type: 'renew', lockMs: 60_000 },
  ])
  t.same(
    results.map(({ state }) => state),
    ['acknowledged', 'retrying', 'acquired'],
  )
  await rig.clock.advance(30_000)
  t.equal(rig.groups.stats().lockExpiries, 1, 'the lock of d')
  await rig.clock.advance(20_000)
  t.same(await rig.acquire(), [], 'what is due in the lanes waits on')
  t.match(rig.groups.describe('orders', 'billing').partitions, [{ inFlight: 1, waiting: [{ tier: '5s', count: 2 }] }])
  await rig.groups.resume('orders', 'billing')
  t.same((await rig.acquire()).map(textOf).sort(), ['b', 'd'])
})

t.test('pausing twice keeps the first reason; resuming twice does nothing', async (t) => {
  const rig = await GroupRig.start()
  await rig.acquire()
  await rig.groups.pause('orders', 'billing', 'first')
  await rig.clock.advance(1_000)
  await rig.groups.pause('orders', 'billing', 'second')
  t.match(pausedOf(rig), { reason: 'first', sinceMs: rig.clock.wallMs() - 1_000 })
  t.equal(rig.groups.stats().paused, 1)
  await rig.groups.resume('orders', 'billing')
  await rig.groups.resume('orders', 'billing')
  t.equal(rig.groups.stats().paused, 0)
  await t.rejects(rig.groups.pause('orders', 'nobody', ''), { code: 'GROUP_NOT_FOUND' })
  await t.rejects(rig.groups.resume('nothing', 'billing'), { code: 'TOPIC_NOT_FOUND' })
})

t.test('settings that change do not end a pause', async (t) => {
  const rig = await GroupRig.start()
  await rig.acquire()
  await rig.groups.pause('orders', 'billing', '')
  await rig.groups.configure('orders', 'billing', { lockMs: 1_000 })
  t.ok(pausedOf(rig))
})

t.test('whoever listens is told of groups that come, change and go', async (t) => {
  const rig = await GroupRig.start()
  const told: string[] = []
  const stop = rig.groups.listen((topic, group) => told.push(`${topic} ${group}`))
  await rig.acquire()
  t.equal(told.length, 1)
  await rig.groups.pause('orders', 'billing', '')
  t.equal(told.length, 2)
  await rig.groups.forget('orders', 'billing')
  t.equal(told.length, 3)
  stop()
  await rig.acquire()
  t.same(told, Array(3).fill('orders billing'))
  t.equal(rig.groups.settingsOf('orders', 'nobody'), undefined)
  t.equal(rig.groups.settingsOf('nothing', 'nobody'), undefined)
})
