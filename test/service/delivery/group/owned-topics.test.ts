import t from 'tap'
import { GROUPS_TOPIC } from '../../../../service/delivery/index.ts'
import { laneBaseOf } from '../../../../service/delivery/lane.ts'
import { DwellError } from '../../../../storage/index.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const OWNED = [
  'orders.billing.dlq',
  'orders.billing.retry.5s',
  'orders.billing.retry.delayed',
  'orders.billing.retry.7m',
]
const OWNER = { topic: 'orders', group: 'billing' }

t.test('names of lanes and dead-letter topics', async (t) => {
  const rows: [string, string | undefined][] = [
    ['a.b.dlq', 'a.b'],
    ['a.b.retry.5s', 'a.b'],
    ['a.b.retry.1500ms', 'a.b'],
    ['a.b.retry.delayed', 'a.b'],
    ['a.b.retry.dlq', 'a.b.retry'],
    ['a.b.retry.5s.dlq', 'a.b.retry.5s'],
    ['a.b.retry.retry.5s', 'a.b.retry'],
    ['a.b.retry.soon', undefined],
    ['a.b.retry.0s', undefined],
    ['a.b.5s', undefined],
    ['a.b.xretry.5s', undefined],
    ['dlq', undefined],
    ['.dlq', ''],
    ['retry.5s', undefined],
    ['orders', undefined],
  ]
  for (const [name, base] of rows) t.equal(laneBaseOf(name), base, name)
})

t.test('lanes and dead letters belong to a group while it exists', async (t) => {
  const rig = await GroupRig.start()
  for (const name of OWNED) t.equal(rig.groups.ownerOf(name), undefined)
  await rig.groups.configure('orders', 'billing', {})
  for (const name of OWNED) t.same(rig.groups.ownerOf(name), OWNER, name)
  for (const name of ['orders', 'orders.billing', 'orders.billing.retry', 'orders.other.dlq', 'billing.dlq']) {
    t.equal(rig.groups.ownerOf(name), undefined, name)
  }
  await rig.crash()
  for (const name of OWNED) t.same(rig.groups.ownerOf(name), OWNER, 'also after a crash')
  await rig.groups.forget('orders', 'billing')
  for (const name of OWNED) t.equal(rig.groups.ownerOf(name), undefined, 'not after it is forgotten')
})

t.test('also while the group is read again after a refused append', async (t) => {
  const rig = await GroupRig.start()
  await rig.groups.configure('orders', 'billing', {})
  const append = rig.engine.append.bind(rig.engine)
  const read = rig.engine.read.bind(rig.engine)
  const goOn = Promise.withResolvers<void>()
  let reading = false
  rig.engine.read = async (...given) => {
    reading = true
    await goOn.promise
    return read(...given)
  }
  rig.engine.append = () => Promise.reject(new DwellError('APPEND_TOO_LARGE', 'refused'))
  const refused = rig.groups.configure('orders', 'billing', { lockMs: 1 })
  await t.rejects(refused, { code: 'APPEND_TOO_LARGE' })
  rig.engine.append = append
  t.same(rig.groups.ownerOf('orders.billing.dlq'), OWNER)
  t.ok(reading, 'it is being read')
  goOn.resolve()
  await rig.groups.configure('orders', 'billing', { lockMs: 2 })
  t.same(rig.groups.ownerOf('orders.billing.dlq'), OWNER)
})

t.test('with a lane go the groups that read it; dead letters stay, with theirs', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a', 'b'])
  const [a, b] = await rig.acquire()
  await rig.groups.acknowledge('orders', 'billing', [
    { receipt: a.receipt, type: 'release' },
    { receipt: b.receipt, type: 'reject' },
  ])
  await rig.groups.configure('orders.billing.retry.5s', 'audit', {})
  await rig.groups.configure('orders.billing.dlq', 'audit', {})
  await rig.engine.deleteTopic('orders')
  await rig.groups.forgetTopic('orders')
  t.equal(rig.groups.ownerOf('orders.billing.retry.5s.audit.dlq'), undefined)
  t.match(rig.groups.ownerOf('orders.billing.dlq.audit.dlq'), { topic: 'orders.billing.dlq', group: 'audit' })
  t.equal(rig.groups.ownerOf('orders.billing.dlq'), undefined)
  const names = [...rig.engine.topics()].map(({ name }) => name)
  t.same(
    names.filter((name) => name.startsWith('orders')),
    ['orders.billing.dlq'],
  )
})

t.test('the same after a crash between the deletion of a topic and that of its groups', async (t) => {
  const rig = await GroupRig.start()
  await rig.publish('orders', ['a'])
  const { receipt } = await rig.one()
  await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'release' }])
  await rig.groups.configure('orders.billing.retry.5s', 'audit', {})
  await rig.engine.deleteTopic('orders')
  await rig.crash()
  t.equal(rig.groups.stats().groups, 0)
  t.equal(rig.engine.topic('orders.billing.retry.5s'), undefined)
  const tombstones = (await rig.log(GROUPS_TOPIC)).filter(({ value }) => value === null)
  t.equal(tombstones.length, 2, 'each is forgotten once')
})

t.test('what came into a lane without having failed is handed out as itself, for the first time', async (t) => {
  const rig = await GroupRig.start({ orders: 1, 'orders.billing.retry.5s': 1 }, { retry: [5_000, 5_000] })
  await rig.publish('orders.billing.retry.5s', ['before the group'])
  await rig.publish('orders', ['a'])
  const { receipt } = await rig.one()
  await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'release' }])
  // As the wheel does with what was published with a delay before there was a group.
  await rig.publish('orders.billing.retry.5s', ['delayed'])
  await rig.clock.advance(5_000)
  const deliveries = await rig.acquire()
  t.same(deliveries.map(textOf), ['a', 'delayed'], 'what lay there before stays')
  t.match(deliveries[1], { topic: 'orders.billing.retry.5s', offset: 2, deliveryCount: 1, attempts: [] })
  await rig.groups.acknowledge('orders', 'billing', [{ receipt: deliveries[1].receipt, type: 'reject', reason: 'no' }])
  const { records } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 10 })
  t.match(records, [{ topic: 'orders.billing.retry.5s', offset: 2, deliveryCount: 1, cause: 'CLIENT_REJECT' }])
})
