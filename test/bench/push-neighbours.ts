// What endpoints that hang, reset and drip do to the others (row N4 of test/faults/README.md): 100 groups with an endpoint each, at a steady rate; how late
// messages come to the 97 that are well, while all are well, and while three are not. The kinds take turns, on a fresh server
// each, and each round is compared with itself: what the machine does to one, it does to all.

import { freePort } from '../support/dwell-process.ts'
import { BenchServer } from './bench-server.ts'
import { LoadProcess } from './load-process.ts'
import { cpuShareSince } from './process-figures.ts'
import type { SpreadOptions, SpreadResult } from './push-publisher.ts'
import type { ReceiverOptions, ReceiverResult, ReceiverTold } from './push-receiver.ts'
import { printTable, quantile, type Row } from './table.ts'

const ENDPOINTS = 100
const SICK = ['hangs', 'resets', 'drips']
const PER_SECOND = 500
const WARM_UP_SECONDS = 4
const AHEAD_MS = 500
const TAIL_MS = 2_000
const SIZE = 1024
const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

/** `never paused`: an endpoint would have to fail so often in a row that it does not come to it. */
const KINDS: readonly { kind: string; sick: boolean; push: object }[] = [
  { kind: 'all well', sick: false, push: {} },
  { kind: 'three sick', sick: true, push: {} },
  { kind: 'three sick, never paused', sick: true, push: { pauseAfter: 10_000 } },
]

interface Round {
  p50: number
  p99: number
  p999: number
  missing: number
  paused: number
  serverCpu: number
  receiverCpu: number
}

export async function pushNeighbours(rounds: number, seconds: number): Promise<void> {
  const all: Round[][] = KINDS.map(() => [])
  for (let round = 0; round < rounds; round++) {
    // Each kind comes first as often as the others.
    for (let i = 0; i < KINDS.length; i++) {
      const at = (round + i) % KINDS.length
      all[at].push(await roundOf(KINDS[at], seconds))
    }
    const figures = KINDS.map(({ kind }, at) => `${kind} ${all[at][round].p99.toFixed(1)}`)
    console.log(`round ${round + 1}: p99 ms ${figures.join(', ')}`)
  }
  const rows = KINDS.map(({ kind }, at): Row => {
    const ratios = all[at].map(({ p99 }, round) => p99 / all[0][round].p99).sort((a, b) => a - b)
    return {
      endpoints: kind,
      'p50 ms': median(all[at].map(({ p50 }) => p50)),
      'p99 ms': median(all[at].map(({ p99 }) => p99)),
      'p99 from': Math.min(...all[at].map(({ p99 }) => p99)),
      to: Math.max(...all[at].map(({ p99 }) => p99)),
      'p99.9 ms': median(all[at].map(({ p999 }) => p999)),
      'p99 / all well': median(ratios),
      'ratio from': ratios[0],
      'ratio to': ratios[ratios.length - 1],
      missing: all[at].reduce((sum, { missing }) => sum + missing, 0),
      'paused at the end': median(all[at].map(({ paused }) => paused)),
      'server CPU %': median(all[at].map(({ serverCpu }) => serverCpu)),
      'receiver CPU %': median(all[at].map(({ receiverCpu }) => receiverCpu)),
    }
  })
  const settings = `lateness of ${SIZE}-byte messages at the 97 that are well: received minus due; ${PER_SECOND} a second over ${ENDPOINTS} topics; ${SICK.join(', ')}; medians of ${rounds} rounds of ${seconds} s, after ${WARM_UP_SECONDS} s to warm up`
  printTable('push: neighbours of endpoints that are sick', settings, rows)
}

async function roundOf({ sick, push }: (typeof KINDS)[number], seconds: number): Promise<Round> {
  const port = await freePort()
  const count = PER_SECOND * (WARM_UP_SECONDS + seconds)
  const receiving: ReceiverOptions = { port, count, secret: SECRET, verifyEach: count, tells: false }
  const receiver = new LoadProcess<ReceiverResult>('push-receiver.ts', receiving)
  const server = await BenchServer.start({ DWELL_PUSH_ALLOWED_HOSTS: '127.0.0.1' })
  let publisher: LoadProcess<SpreadResult> | undefined
  try {
    await receiver.ready
    for (let i = 0; i < ENDPOINTS; i++) {
      await server.call('PUT', `/v1/topics/orders-${i}`, { partitions: 1 })
      const url = `http://127.0.0.1:${port}/${(sick && SICK[i]) || 'accepts'}/${i}`
      await server.call('PUT', `/v1/topics/orders-${i}/groups/billing`, { push: { url, secret: SECRET, ...push } })
    }
    const spread: SpreadOptions = {
      port: server.port,
      prefix: 'orders-',
      topics: ENDPOINTS,
      count,
      perSecond: PER_SECOND,
      size: SIZE,
      aheadMs: AHEAD_MS,
    }
    publisher = new LoadProcess<SpreadResult>('push-publisher.ts', spread)
    await publisher.ready
    const cpu = cpuShareSince(server.process.pid)
    const { dueAtMs } = await publisher.result
    const serverCpu = cpu()
    await new Promise((resolve) => setTimeout(resolve, AHEAD_MS + TAIL_MS))
    const paused = await server.metric('dwell_push_endpoints_paused')
    receiver.tell('finish' satisfies ReceiverTold)
    const { arrivedMs, cpuPercent } = await receiver.result
    return { ...lateness(dueAtMs, arrivedMs), paused, serverCpu, receiverCpu: Math.round(cpuPercent) }
  } finally {
    publisher?.kill()
    receiver.kill()
    await server.stop()
  }
}

/** Of the topics that are never sick; one that did not come is as late as can be. */
function lateness(dueAtMs: Float64Array, arrivedMs: Float64Array) {
  const late: number[] = []
  for (let n = PER_SECOND * WARM_UP_SECONDS; n < dueAtMs.length; n++) {
    if (n % ENDPOINTS < SICK.length) continue
    late.push(arrivedMs[n] === 0 ? Number.POSITIVE_INFINITY : arrivedMs[n] - dueAtMs[n])
  }
  late.sort((a, b) => a - b)
  const missing = late.filter((ms) => ms === Number.POSITIVE_INFINITY).length
  return { p50: quantile(late, 0.5), p99: quantile(late, 0.99), p999: quantile(late, 0.999), missing }
}

function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  )
}
