// Endpoints that cannot be reached, or hardly: row N4 of test/faults/README.md as far as it lies below HTTP.

import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import type { Dispatcher } from 'undici'
import { AllowedHosts } from '../../../service/push/allowed-hosts.ts'
import { Endpoint } from '../../../service/push/endpoint.ts'
import { SharedBound } from '../../../service/push/shared-bound.ts'
import { SILENT } from '../../../storage/index.ts'
import { settle } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { GroupRig } from '../delivery/group-rig.ts'
import { PUSH, PushRig, TestEndpoint } from './push-rig.ts'
import { SELF_SIGNED } from './self-signed.ts'

async function listen(t: Test, server: Server | ReturnType<typeof createTlsServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Why the push of the only message failed. */
async function reasonOf(rig: PushRig): Promise<string> {
  await until(() => rig.groups.groups.stats().acknowledged.release > 0 || rig.paused !== undefined)
  if (rig.paused !== undefined) return rig.paused.reason
  await rig.groups.groups.configure('orders', 'billing', { push: undefined, retry: [] })
  await rig.clock.advance(5_000)
  return (await rig.groups.one()).attempts[0].reason
}

t.test('N4: nobody listens', async (t) => {
  const server = createServer()
  const port = await listen(t, server)
  await new Promise((resolve) => server.close(resolve))
  const rig = await PushRig.start(t)
  await rig.push(`http://127.0.0.1:${port}/`)
  await rig.published('a')
  t.match(await reasonOf(rig), /ECONNREFUSED/)
})

t.test('N4: a name that does not exist, and one whose look-up hangs', async (t) => {
  const gone = await PushRig.start(t, {
    resolve: async (name) => {
      throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' })
    },
  })
  await gone.push('http://hook.test/')
  await gone.published('a')
  t.match(await reasonOf(gone), /ENOTFOUND hook\.test/)
  let asked = 0
  const hanging = await PushRig.start(t, {
    resolve: () => {
      asked++
      return new Promise(() => {})
    },
  })
  await hanging.push('http://hook.test/')
  await hanging.published('a')
  await until(() => asked > 0)
  await hanging.clock.advance(10_000)
  t.equal(await reasonOf(hanging), 'No answer in time')
})

t.test('N4: one of three addresses works', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const { port } = new URL(endpoint.url)
  const rig = await PushRig.start(t, {
    resolve: async () => ['127.0.0.2', '127.0.0.3', '127.0.0.1'].map((address) => ({ address, family: 4 })),
  })
  await rig.push(`http://hook.test:${port}/`)
  await rig.published('a')
  await until(() => endpoint.received.length === 1)
  t.equal(endpoint.received[0].headers.host, `hook.test:${port}`, 'Host is the name')
})

t.test('N4: a certificate of nobody known; the same one trusted', async (t) => {
  const names: (string | false | null)[] = []
  const server = createTlsServer(SELF_SIGNED, (request, response) => {
    names.push((request.socket as import('node:tls').TLSSocket & { servername: string }).servername)
    response.end()
  })
  const port = await listen(t, server)
  const rig = await PushRig.start(t)
  await rig.push(`https://hook.test:${port}/`)
  await rig.published('a')
  t.match(await reasonOf(rig), /self-signed|SELF_SIGNED/)
  t.same(names, [], 'nothing was sent')
  const trusting = await PushRig.start(t, { ca: SELF_SIGNED.cert })
  await trusting.push(`https://hook.test:${port}/`)
  await trusting.published('a')
  await until(() => trusting.groups.groups.stats().acknowledged.accept === 1)
  t.same(names, ['hook.test'], 'SNI is the name, though an address is dialled')
  const misnamed = await PushRig.start(t, { ca: SELF_SIGNED.cert, hosts: new AllowedHosts('*.test,127.0.0.1') })
  await misnamed.push(`https://other.test:${port}/`)
  await misnamed.published('a')
  t.match(await reasonOf(misnamed), /other\.test/)
})

t.test('a socket serves any number of answers, with TLS too, however much they are together', async (t) => {
  const server = createTlsServer(SELF_SIGNED, (request, response) => {
    request.resume().on('end', () => response.end('x'.repeat(32 * 1024)))
  })
  const port = await listen(t, server)
  const plain = await TestEndpoint.start(t, ({ answer }) => answer(200, {}, 'x'.repeat(32 * 1024)))
  for (const url of [`https://hook.test:${port}/`, plain.url]) {
    const rig = await PushRig.start(t, { ca: SELF_SIGNED.cert })
    await rig.push(url, { concurrency: 1 })
    await rig.published(...Array.from({ length: 40 }, (_, i) => String(i)))
    await until(() => rig.groups.groups.stats().acknowledged.accept === 40)
    t.match(rig.pusher.stats(), { dialled: 1, pushes: { accept: 40, unreachable: 0 } }, url)
  }
})

t.test('N4: what speaks no TLS is no https endpoint', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url.replace('http:', 'https:'))
  await rig.published('a')
  t.match(await reasonOf(rig), /SSL|TLS|EPROTO|ECONNRESET/)
})

t.test('N4: one that never ends its head, byte by byte', async (t) => {
  let socketClosed = false
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('close', () => {
      socketClosed = true
    })
    const drip = (at: number) => {
      if (socket.destroyed) return
      socket.write('HTTP/1.1 200 OK\r\nx-a: '.charAt(at) || 'b')
      setImmediate(drip, at + 1)
    }
    socket.once('data', () => drip(0))
  })
  const port = await listen(t, server)
  const rig = await PushRig.start(t, {})
  await rig.push(`http://127.0.0.1:${port}/`, { timeoutMs: 3_000 })
  await rig.published('a')
  await until(() => rig.pusher.stats().underWay === 1)
  await rig.clock.advance(3_000)
  await until(() => socketClosed, 'the closing of the socket')
  t.equal(await reasonOf(rig), 'No answer in time')
})

t.test('connections that do not close well, when the URL changes, end nothing', async (t) => {
  const { groups, clock } = await GroupRig.start()
  const push = { ...PUSH, url: 'http://hook.test/' }
  await groups.configure('orders', 'billing', { push })
  const settings = groups.settingsOf('orders', 'billing')
  if (settings === undefined) throw new Error('just configured')
  let closed = 0
  const close = async () => {
    closed++
    throw new Error('destroyed meanwhile')
  }
  const place = { topic: 'orders', group: 'billing' }
  const endpoint = new Endpoint(place, settings, push, {
    groups,
    clock,
    log: SILENT,
    clusterId: 'cluster-1',
    sockets: new SharedBound(1),
    bytes: new SharedBound(1),
    openPool: () => ({ close, destroy: async () => {} }) as unknown as Dispatcher,
    isCrowded: () => false,
    onPause: () => {},
    onEnd: () => {},
  })
  endpoint.update(settings, { ...push, url: 'http://hook.test/other' })
  await settle()
  t.equal(closed, 1)
  await endpoint.stop()
})
