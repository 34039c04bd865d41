// Sockets to endpoints: used again, bounded also while they are idle, and dialled past addresses that are dead (row N4 of test/faults/README.md).

import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { settle } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { ok, PushRig, TestEndpoint } from './push-rig.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i))

t.test('one socket after the other is used again', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url, { concurrency: 2 })
  await rig.published(...numbers(50))
  await until(() => rig.groups.groups.stats().acknowledged.accept === 50)
  t.ok(endpoint.connections <= 2, `${endpoint.connections} sockets for 50 pushes`)
  t.match(rig.pusher.stats(), { connections: endpoint.connections, dialled: endpoint.connections })
})

t.test('however long an endpoint asks for its sockets to be kept, they are closed after 4 s', async (t) => {
  const endpoint = await TestEndpoint.start(t, ({ answer }) => answer(200, { 'keep-alive': 'timeout=600' }))
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url)
  await rig.published('a')
  await until(() => rig.groups.groups.stats().acknowledged.accept === 1)
  t.equal(rig.pusher.stats().connections, 1)
  await until(() => rig.pusher.stats().connections === 0, 'the closing of the idle socket')
})

t.test('idle sockets are not kept any more when there are many', async (t) => {
  const topics = Object.fromEntries(numbers(12).map((name) => [name, 1]))
  const rig = await PushRig.start(t, { topics, socketsMax: 8 })
  const endpoint = await TestEndpoint.start(t)
  for (const topic of numbers(12)) {
    await rig.push(endpoint.url, { concurrency: 1 }, topic)
    await rig.groups.publish(topic, ['a'])
    await until(() => rig.pusher.stats().underWay === 0 && endpoint.bodies.length === Number(topic) + 1)
  }
  await settle(50)
  t.equal(endpoint.connections, 12)
  t.ok(rig.pusher.stats().connections <= 5, `${rig.pusher.stats().connections} are open`)
})

/** Something that takes no connection: a process that is stopped, with its queue of connections full. */
async function deadAddress(t: Test, address: string, port: number): Promise<void> {
  const program = `require('node:net').createServer().listen({ port: ${port}, host: '${address}', backlog: 1 }, () => { console.log('on'); process.kill(process.pid, 'SIGSTOP') })`
  const child: ChildProcess = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  const waiting = numbers(4).map(() => connect(port, address).on('error', () => {}))
  await settle(200)
  t.teardown(() => {
    for (const socket of waiting) socket.destroy()
    child.kill('SIGKILL')
  })
}

t.test('N4: of three addresses one is dead: it is passed over', { timeout: 30_000 }, async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const port = Number(new URL(endpoint.url).port)
  await deadAddress(t, '127.0.0.2', port)
  const rig = await PushRig.start(t, {
    resolve: async () => ['127.0.0.2', '127.0.0.3', '127.0.0.1'].map((address) => ({ address, family: 4 })),
  })
  await rig.push(`http://hook.test:${port}/`, { concurrency: 1 })
  await rig.published('a', 'b', 'c')
  await until(() => rig.groups.groups.stats().acknowledged.accept === 3)
  t.equal(endpoint.connections, 1, 'found once')
  t.equal(rig.pusher.stats().pushes.unreachable, 0, 'and no push failed')
})

t.test(
  'N4: with its only address dead a push ends in time, and others go on meanwhile',
  { timeout: 30_000 },
  async (t) => {
    const endpoint = await TestEndpoint.start(t)
    const port = Number(new URL(endpoint.url).port)
    await deadAddress(t, '127.0.0.2', port)
    const rig = await PushRig.start(t, { topics: { orders: 1, others: 1 } })
    await rig.push(`http://127.0.0.2:${port}/`, { timeoutMs: 3_000 })
    await rig.published('a')
    await until(() => rig.pusher.stats().underWay === 1)
    await rig.push(endpoint.url, {}, 'others')
    await rig.groups.publish('others', numbers(20))
    await until(() => rig.groups.groups.stats().acknowledged.accept === 20)
    t.equal(rig.pusher.stats().underWay, 1)
    await rig.clock.advance(3_000)
    await until(() => rig.groups.groups.stats().acknowledged.release === 1)
    t.equal(rig.pusher.stats().pushes.timeout, 1)
  },
)

t.test('a socket that the endpoint closed between two pushes is no failure', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url, { concurrency: 1 })
  for (let i = 1; i <= 5; i++) {
    endpoint.behave = ok
    await rig.published(String(i))
    await until(() => rig.groups.groups.stats().acknowledged.accept === i)
    endpoint.received[i - 1].request.socket.destroy()
    await until(() => rig.pusher.stats().connections === 0)
  }
  t.equal(rig.groups.groups.stats().acknowledged.release, 0)
})
