// How many pushes a second a fast endpoint gets, each signed: what waits in a topic is pushed and accepted.

import { freePort } from '../support/dwell-process.ts'
import { BenchServer } from './bench-server.ts'
import { fill } from './fill.ts'
import { LoadProcess } from './load-process.ts'
import { textOf } from './numbered.ts'
import { cpuShareSince } from './process-figures.ts'
import type { ReceiverOptions, ReceiverResult, ReceiverTold } from './push-receiver.ts'
import { printTable, type Row } from './table.ts'

const SIZE = 1024
const PARTITIONS = 4
const CONCURRENCIES = [1, 16, 64]
const WARM_UP = 10_000
const VERIFY_EACH = 500
const PATIENCE_MS = 120_000
const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const GROUP = '/v1/topics/orders/groups/billing'

export async function pushRate(messages: number): Promise<void> {
  const rows: Row[] = []
  for (const concurrency of CONCURRENCIES)
    rows.push(await rateRow(concurrency, concurrency === 1 ? messages / 4 : messages))
  const settings = `1 KB, signed with one secret, ${PARTITIONS} partitions; server and receiver are a process each; the first ${WARM_UP} are not counted; one of ${VERIFY_EACH} verified with standardwebhooks`
  printTable('push to a fast endpoint', settings, rows)
}

async function rateRow(concurrency: number, messages: number): Promise<Row> {
  const count = WARM_UP + messages
  const port = await freePort()
  const options: ReceiverOptions = { port, count, secret: SECRET, verifyEach: VERIFY_EACH, tells: false }
  const receiver = new LoadProcess<ReceiverResult>('push-receiver.ts', options)
  const server = await BenchServer.start({ DWELL_PUSH_ALLOWED_HOSTS: '127.0.0.1' })
  try {
    await receiver.ready
    await server.call('PUT', '/v1/topics/orders', { partitions: PARTITIONS })
    await fill(server, 'orders', count, (n) => ({ value: textOf(n, SIZE) }))
    const cpu = cpuShareSince(server.process.pid)
    await server.call('PUT', GROUP, { push: { url: `http://127.0.0.1:${port}/accepts/`, concurrency, secret: SECRET } })
    await accepted(server, count)
    const cpuPercent = cpu()
    receiver.tell('finish' satisfies ReceiverTold)
    const { arrivedMs, again, verified, forged, connections, cpuPercent: receiverCpu } = await receiver.result
    const times = arrivedMs.filter((ms) => ms > 0).sort()
    const seconds = (times[times.length - 1] - times[WARM_UP]) / 1000
    return {
      concurrency,
      pushes: times.length,
      'pushes/s': (times.length - WARM_UP) / seconds,
      missing: count - times.length,
      twice: again,
      verified,
      forged,
      connections,
      'server CPU %': cpuPercent,
      'receiver CPU %': Math.round(receiverCpu),
    }
  } finally {
    receiver.kill()
    await server.stop()
  }
}

async function accepted(server: BenchServer, count: number): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS
  while (performance.now() < untilMs) {
    if ((await server.metric('dwell_acknowledged_total{type="accept"}')) >= count) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error('not all pushes were accepted in time')
}
