import t from 'tap'
import { settle } from '../../../support/manual-clock.ts'
import { GroupRig, textOf } from '../group-rig.ts'

async function reject(rig: GroupRig, count: number) {
  const deliveries = await rig.acquire(count)
  const rejected = deliveries.map(({ receipt }) => ({ receipt, type: 'reject' as const }))
  await rig.groups.acknowledge('orders', 'billing', rejected)
  return deliveries.length
}

const pausedOf = (rig: GroupRig) => rig.groups.settingsOf('orders', 'billing')?.paused

async function start() {
  const rig = await GroupRig.start({ orders: 1 }, { deadLetters: { perMinuteMax: 3 } })
  await rig.publish(
    'orders',
    Array.from({ length: 20 }, (_, n) => `v${n}`),
  )
  return rig
}

t.test('more dead letters a minute than allowed pause the group, with a reason, across a crash', async (t) => {
  const rig = await start()
  t.equal(await reject(rig, 3), 3)
  t.equal(pausedOf(rig), undefined)
  t.equal(await reject(rig, 1), 1)
  t.same(pausedOf(rig), { sinceMs: rig.clock.wallMs(), reason: 'More than 3 dead letters within a minute.' })
  t.equal(await reject(rig, 1), 0, 'nothing is handed out')
  t.equal(rig.groups.stats().floods, 1)
  await rig.crash()
  t.ok(pausedOf(rig))
  await rig.groups.resume('orders', 'billing')
  t.equal(await reject(rig, 3), 3)
  t.equal(pausedOf(rig), undefined)
})

t.test('the pause and the dead letter that was one too many are one append', async (t) => {
  const rig = await start()
  await reject(rig, 3)
  const [{ receipt }] = await rig.acquire(1)
  rig.cutAfter(1)
  await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'reject' }])
  await rig.crash()
  t.ok(pausedOf(rig))
})

t.test('a group that is resumed counts anew; so does one whose dead letters come slowly', async (t) => {
  const rig = await start()
  await reject(rig, 4)
  await rig.groups.resume('orders', 'billing')
  await reject(rig, 3)
  t.equal(pausedOf(rig), undefined)
  await rig.clock.advance(60_000)
  await reject(rig, 3)
  t.equal(pausedOf(rig), undefined)
})

t.test('who waits goes on waiting, until it is resumed; whoever listens is told', async (t) => {
  const rig = await start()
  const deliveries = await rig.acquire(20)
  const waiting = rig.acquire(1, 60_000)
  let told = 0
  rig.groups.listen(() => told++)
  await rig.groups.acknowledge(
    'orders',
    'billing',
    deliveries.map(({ receipt }) => ({ receipt, type: 'reject' as const })),
  )
  t.equal(told, 1)
  await rig.publish('orders', ['later'])
  await settle()
  t.equal(rig.groups.stats().waitingAcquires, 1)
  await rig.groups.resume('orders', 'billing')
  t.same((await waiting).map(textOf), ['later'])
})
