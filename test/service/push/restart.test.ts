// What an endpoint has in hand is its own across the end of the service: nothing is lost, nothing is a try, nothing stays locked.

import t, { type Test } from 'tap'
import { DwellError } from '../../../storage/index.ts'
import { settle } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { ok, PushRig, type Received, TestEndpoint } from './push-rig.ts'

const gone = ({ answer }: Received) => answer(410)
const countOf = ({ headers }: Received) => Number(headers['dwell-delivery-count'])
const inFlight = (rig: PushRig) => rig.groups.groups.describe('orders', 'billing').partitions[0].inFlight

/** Three records in the hand of an endpoint that is paused since the first of them; a failed try would be the last. */
async function paused(t: Test, options: Parameters<typeof PushRig.start>[1] = {}) {
  const endpoint = await TestEndpoint.start(t, gone)
  const rig = await PushRig.start(t, { defaults: { retry: [], lockMs: 1_000 }, ...options })
  await rig.groups.groups.configure('orders', 'billing', {})
  await rig.published('a', 'b', 'c')
  await rig.push(endpoint.url)
  await until(() => rig.paused !== undefined && rig.pusher.stats().underWay === 0)
  await settle()
  t.equal(inFlight(rig), 3)
  return { endpoint, rig }
}

for (const { how, end } of [
  { how: 'a crash', end: (rig: PushRig) => rig.crash() },
  {
    how: 'an orderly stop that lasts',
    end: async (rig: PushRig) => {
      await rig.pusher.stop()
      await rig.clock.advance(60_000)
      await rig.crash()
    },
  },
]) {
  t.test(`what a paused endpoint has in hand outlasts ${how}, and no try is counted`, async (t) => {
    const { endpoint, rig } = await paused(t)
    const sent = endpoint.received.length
    await end(rig)
    await rig.clock.advance(600_000)
    await until(() => rig.pusher.stats().underWay === 0)
    const { groups } = rig.groups
    t.equal(groups.stats().lockExpiries, 0)
    t.equal(inFlight(rig), 3)
    t.same(await rig.dead(), [])
    t.ok(endpoint.received.length > sent, 'it is probed')
    endpoint.behave = ok
    await groups.resume('orders', 'billing')
    await until(() => groups.stats().acknowledged.accept === 3)
    t.same(endpoint.bodies.slice(-3).sort(), ['a', 'b', 'c'])
    t.same(new Set(endpoint.received.map(countOf)), new Set([1]))
    t.same(new Set(endpoint.received.map(({ headers }) => headers['webhook-id'])).size, 3)
    t.same([inFlight(rig), rig.pusher.stats().bytes], [0, 0])
  })
}

t.test('what was being pushed is pushed again, as the same try', async (t) => {
  const endpoint = await TestEndpoint.start(t, () => {})
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url)
  await rig.published('a')
  await until(() => endpoint.received.length === 1)
  endpoint.behave = ok
  await rig.crash()
  await until(() => rig.groups.groups.stats().acknowledged.accept === 1)
  const [before, after] = endpoint.received
  t.same([countOf(before), countOf(after)], [1, 1])
  t.equal(after.headers['webhook-id'], before.headers['webhook-id'])
})

t.test('what was in hand of a lane comes with the tries that it has', async (t) => {
  const endpoint = await TestEndpoint.start(t, ({ answer }) => answer(500))
  const rig = await PushRig.start(t, { defaults: { retry: [1_000] } })
  await rig.push(endpoint.url)
  await rig.published('a')
  await until(() => rig.groups.groups.stats().acknowledged.release === 1)
  endpoint.behave = gone
  await rig.clock.advance(1_000)
  await until(() => rig.paused !== undefined)
  await settle()
  await rig.crash()
  endpoint.behave = ok
  await rig.groups.groups.resume('orders', 'billing')
  await until(() => rig.groups.groups.stats().acknowledged.accept === 1)
  t.same(endpoint.received.map(countOf), [1, 2, 2])
})

t.test('what is taken over is bounded in bytes; what is not read yet keeps its lock', async (t) => {
  const endpoint = await TestEndpoint.start(t, () => {})
  const rig = await PushRig.start(t, { defaults: { retry: [], lockMs: 6_000 } })
  const { url } = endpoint
  await rig.push(url, { timeoutMs: 300_000 })
  await rig.published(...['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(60_000)))
  await until(() => endpoint.received.length === 5)
  rig.options.bytesMax = 100_000
  await rig.crash()
  await until(() => endpoint.received.length === 7)
  await settle(50)
  t.equal(endpoint.received.length, 7, 'the one that went beyond the bound, and no more')
  t.equal(rig.pusher.stats().bytes, 120_010)
  await rig.clock.advance(60_000)
  t.equal(rig.groups.groups.stats().lockExpiries, 0)
  for (let i = 5; i < 10; i++) {
    await until(() => endpoint.received.length > i)
    ok(endpoint.received[i])
  }
  await until(() => rig.groups.groups.stats().acknowledged.accept === 5)
  t.same([endpoint.received.length, rig.pusher.stats().bytes, inFlight(rig)], [10, 0, 0])
})

t.test('a group that is paused too keeps what it has over a crash, until its resume', async (t) => {
  const { endpoint, rig } = await paused(t)
  await rig.groups.groups.pause('orders', 'billing', '')
  const sent = endpoint.received.length
  await rig.crash()
  await rig.clock.advance(600_000)
  await settle(50)
  t.equal(endpoint.received.length, sent, 'not even a probe')
  t.equal(rig.groups.groups.stats().lockExpiries, 0)
  endpoint.behave = ok
  await rig.groups.groups.resume('orders', 'billing')
  await until(() => rig.groups.groups.stats().acknowledged.accept === 3)
})

t.test('when the push is removed after a crash, locks run out as those of any consumer', async (t) => {
  const { rig } = await paused(t)
  await rig.crash()
  await rig.groups.groups.configure('orders', 'billing', { push: undefined })
  await rig.clock.advance(10_000)
  t.equal(inFlight(rig), 0)
  t.equal((await rig.dead()).length, 3)
})

t.test('also when it is removed before there is an endpoint', async (t) => {
  const { rig } = await paused(t)
  rig.cut()
  await rig.groups.crash()
  await rig.clock.advance(60_000)
  t.equal(inFlight(rig), 3, 'they wait for it')
  await rig.groups.groups.configure('orders', 'billing', { push: undefined })
  await rig.clock.advance(1_000)
  t.equal(inFlight(rig), 0)
  rig.open()
})

t.test('a reset takes what was taken over, read or not', async (t) => {
  const { endpoint, rig } = await paused(t)
  await rig.crash()
  await rig.groups.groups.reset('orders', 'billing', 'latest')
  await rig.clock.advance(4_000)
  t.equal(rig.groups.groups.stats().invalidReceipts, 3)
  await rig.clock.advance(60_000)
  t.equal(rig.groups.groups.stats().invalidReceipts, 3, 'nobody renews them any more')
  endpoint.behave = ok
  const { length } = endpoint.received
  await rig.published('d')
  await rig.groups.groups.resume('orders', 'billing')
  await until(() => rig.groups.groups.stats().acknowledged.accept === 1)
  t.same(endpoint.bodies.slice(length), ['d'])
})

t.test('what retention took meanwhile does not stay locked', async (t) => {
  const { endpoint, rig } = await paused(t)
  await rig.crash()
  await rig.groups.engine.deleteRecords('orders', 0, 2)
  endpoint.behave = ok
  await rig.groups.groups.resume('orders', 'billing')
  await until(() => rig.groups.groups.stats().acknowledged.accept === 1)
  await rig.clock.advance(10_000)
  t.equal(inFlight(rig), 0)
  t.equal(endpoint.bodies.at(-1), 'c')
})

t.test('what a consumer has in hand when an endpoint comes is not taken over', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const rig = await PushRig.start(t)
  await rig.published('a')
  const delivery = await rig.groups.one()
  await rig.push(endpoint.url)
  await settle(50)
  t.equal(endpoint.received.length, 0)
  t.same(await rig.groups.groups.acknowledge('orders', 'billing', [{ receipt: delivery.receipt, type: 'accept' }]), [
    { state: 'acknowledged' },
  ])
})

t.test('records that the disk does not give are asked for again', async (t) => {
  const { endpoint, rig } = await paused(t)
  await rig.crash()
  const { engine } = rig.groups
  const read = engine.read.bind(engine)
  engine.read = () => Promise.reject(new DwellError('READ_FAILED', 'EIO'))
  endpoint.behave = ok
  await rig.groups.groups.resume('orders', 'billing')
  await until(() => rig.logged.some((line) => JSON.stringify(line).includes('cannot be acquired')))
  engine.read = read
  await rig.clock.advance(1_000)
  await until(() => rig.groups.groups.stats().acknowledged.accept === 3)
})
