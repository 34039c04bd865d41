// `dwell listen --forward`: what a local web service is sent, and what its answers mean.

import { createServer } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { dwell } from '../../support/dwell-command.ts'
import { DwellProcess } from '../../support/dwell-process.ts'

t.setTimeout(60_000)

const directory = t.testdir()
const server = await DwellProcess.start({ dataDirectory: join(directory, 'data'), logPath: join(directory, 'log') })
t.teardown(() => server.kill())
const environment = { DWELL_URL: `http://127.0.0.1:${server.port}` }

t.test('each message is forwarded, and acknowledged by the answer', async (t) => {
  const got: { headers: Record<string, unknown>; body: string }[] = []
  const hook = createServer((request, response) => {
    let body = ''
    request.on('data', (part) => (body += part))
    request.on('end', () => {
      got.push({ headers: request.headers, body })
      if (body === 'reject') response.writeHead(422, { 'dwell-acknowledge': 'reject' }).end('no such customer')
      else if (body === 'later') response.writeHead(503, { 'retry-after': '3600' }).end()
      else if (body === 'fail') response.writeHead(500).end('boom')
      else response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void hook.close())
  await server.client.call('PUT', '/v1/topics/orders', { body: { partitions: 1 } })
  await server.client.call('PUT', '/v1/topics/orders/groups/web', { body: { retry: ['1h'] } })
  const values = [{ order: 17 }, 'reject', 'later', 'fail'].map((value) => {
    return { value, key: 'customer-4', headers: { trace: 'für', 'a b': 'no name of a header' } }
  })
  for (const message of values) await server.client.call('POST', '/v1/topics/orders/messages', { body: message })
  const url = `http://127.0.0.1:${(hook.address() as { port: number }).port}/orders`
  const { code, out, error } = await dwell(['listen', 'orders', 'web', '--forward', url, '--max', '4', '--concurrency', '1'], { environment }) // biome-ignore format: short
  t.equal(code, 0)
  t.match(error, `Forwarding orders of web to ${url}`)
  t.same(out.split('\n'), ['0/0  customer-4  accept  HTTP 204', '0/1  customer-4  reject  HTTP 422', '0/2  customer-4  release  HTTP 503', '0/3  customer-4  release  HTTP 500: boom', '']) // biome-ignore format: short
  t.match(got[0].headers, { 'content-type': 'application/json', 'dwell-topic': 'orders', 'dwell-group': 'web', 'dwell-partition': '0', 'dwell-offset': '0', 'dwell-delivery-count': '1', 'dwell-key': 'customer-4', 'dwell-header-trace': Buffer.from('für').toString('latin1'), 'dwell-headers-left-out': '1', 'user-agent': 'dwell-listen' }) // biome-ignore format: short
  t.match(got[0].headers['webhook-id'], /^msg_[\w-]{27}$/, 'as a push names it')
  t.equal(new Set(got.map(({ headers }) => headers['webhook-id'])).size, 4)
  t.same(JSON.parse(got[0].body), { order: 17 })
  const described = (await server.client.call('GET', '/v1/topics/orders/groups/web')).json
  t.match(described, { partitions: [{ lag: 0, inFlight: 0, dead: 1 }] })
})

t.test('a web service that is not there: the message waits for its next try', async (t) => {
  await server.client.call('POST', '/v1/topics/other/messages', { body: { value: 1 } })
  const url = 'http://127.0.0.1:1/hook'
  const { code, out } = await dwell(['listen', 'other', 'web', '--forward', url, '--max', '1', '--json'], {
    environment,
  })
  t.equal(code, 0)
  t.match(JSON.parse(out), { type: 'release', reason: /ECONNREFUSED/ }, 'a port that fetch would refuse')
  t.match(await dwell(['listen', 'other', 'web', '--forward', 'nonsense'], { environment }), { code: 2, error: /is no address/ }) // biome-ignore format: short
})
