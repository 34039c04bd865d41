// The address that a socket dials is the one that was checked: rows A8 and A9 of test/faults/README.md, on real sockets.

import t from 'tap'
import { AllowedHosts } from '../../../service/push/allowed-hosts.ts'
import { sharedResolve } from '../../../service/push/network.ts'
import { until } from '../../support/until.ts'
import { PushRig, TestEndpoint } from './push-rig.ts'

t.test('A9: a name that comes to stand for an address inside leads nowhere', async (t) => {
  const inside = await TestEndpoint.start(t)
  const { port } = new URL(inside.url)
  let address = '93.184.215.14'
  const asked: string[] = []
  const rig = await PushRig.start(t, {
    hosts: new AllowedHosts('hook.test'),
    resolve: async (name) => {
      asked.push(name)
      return [{ address, family: 4 }]
    },
  })
  address = '127.0.0.1'
  await rig.push(`http://hook.test:${port}/`)
  await rig.published('a')
  await until(() => rig.paused !== undefined)
  t.equal(rig.paused?.reason, 'hook.test stands for 127.0.0.1, which is loopback.')
  t.same([asked, inside.connections], [['hook.test'], 0])
  t.match(rig.pusher.stats(), { paused: 1, pushes: { denied: 1 } })
  await rig.groups.groups.configure('orders', 'billing', { push: undefined })
  await rig.clock.advance(40_000)
  t.equal(rig.groups.groups.stats().acknowledged.release, 0, 'it was never a try')
})

t.test('A9: of several addresses only those are dialled that may be', async (t) => {
  const inside = await TestEndpoint.start(t)
  const { port } = new URL(inside.url)
  const rig = await PushRig.start(t, {
    hosts: new AllowedHosts('hook.test,127.0.0.1'),
    resolve: async () => ['10.0.0.1', '127.0.0.2', '127.0.0.1'].map((address) => ({ address, family: 4 })),
  })
  await rig.push(`http://hook.test:${port}/`)
  await rig.published('a')
  await until(() => inside.received.length === 1)
  t.equal(inside.received[0].request.socket.localAddress, '127.0.0.1')
})

t.test('A8: a name that is not allowed leads nowhere, wherever it points', async (t) => {
  const inside = await TestEndpoint.start(t)
  const { port } = new URL(inside.url)
  const rig = await PushRig.start(t, { hosts: new AllowedHosts('hook.test,127.0.0.1') })
  await rig.push(`http://other.test:${port}/`)
  await rig.published('a')
  await until(() => rig.paused !== undefined)
  t.equal(rig.paused?.reason, 'other.test is not in PUSH_ALLOWED_HOSTS.')
  t.equal(inside.connections, 0)
})

t.test('A8: addresses in URLs are checked when they are dialled too', async (t) => {
  const inside = await TestEndpoint.start(t)
  const { port } = new URL(inside.url)
  for (const host of ['127.0.0.1', '[::ffff:127.0.0.1]', '2130706433', 'localhost', 'hook.test.']) {
    const rig = await PushRig.start(t, { hosts: new AllowedHosts('hook.test,10.0.0.0/8') })
    await rig.push(`http://${host}:${port}/`)
    await rig.published('a')
    await until(() => rig.paused !== undefined, host)
    t.equal(rig.pusher.stats().pushes.denied, 1, host)
  }
  t.equal(inside.connections, 0)
})

t.test('A9: a name that changes between two connections is looked up and checked for each', async (t) => {
  const endpoint = await TestEndpoint.start(t, ({ request, answer }) => {
    answer(200, { connection: 'close' })
    request.socket.end()
  })
  const { port } = new URL(endpoint.url)
  let address = '127.0.0.1'
  const rig = await PushRig.start(t, {
    hosts: new AllowedHosts('hook.test,127.0.0.1'),
    resolve: async () => [{ address, family: 4 }],
  })
  await rig.push(`http://hook.test:${port}/`)
  await rig.published('a')
  await until(() => rig.groups.groups.stats().acknowledged.accept === 1)
  await until(() => rig.pusher.stats().connections === 0)
  address = '169.254.169.254'
  await rig.published('b')
  await until(() => rig.paused !== undefined)
  t.equal(rig.paused?.reason, 'hook.test stands for 169.254.169.254, which is a metadata service.')
  t.equal(endpoint.connections, 1)
})

t.test('A8: an endpoint that was set while its host was allowed is not dialled once it is not', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const rig = await PushRig.start(t, { hosts: new AllowedHosts('') })
  await rig.push(endpoint.url)
  await rig.published('a')
  await until(() => rig.paused !== undefined)
  t.equal(rig.paused?.reason, '127.0.0.1 is not in PUSH_ALLOWED_HOSTS.')
  t.equal(endpoint.connections, 0)
})

t.test('dials of one name share its look-up, and none outlasts it', async (t) => {
  const asked: string[] = []
  let answer = Promise.withResolvers<{ address: string; family: number }[]>()
  const resolve = sharedResolve((name) => {
    asked.push(name)
    return answer.promise
  })
  const both = Promise.all([resolve('a.test'), resolve('a.test')])
  t.same(asked, ['a.test'])
  answer.resolve([{ address: '192.0.2.1', family: 4 }])
  t.same((await both).flat().length, 2)
  answer = Promise.withResolvers()
  const again = resolve('a.test')
  t.same(asked, ['a.test', 'a.test'], 'nothing is remembered')
  answer.reject(new Error('ENOTFOUND'))
  await t.rejects(again, /ENOTFOUND/)
  answer = Promise.withResolvers()
  void resolve('a.test')
  t.equal(asked.length, 3, 'nor is a failure')
})
