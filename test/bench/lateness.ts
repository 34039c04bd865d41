// How long after its due time a message is in its topic's log, and in the hands of a waiting consumer: at two rates, beside
// others.
//
// Three moments are told apart for Dwell. "timestamp" is the one that a record carries: when the step that dispatched it
// began. "in the log" is when it could first be read there, in a run of its own with a process that asks one of the four
// partitions again each millisecond. "delivered" is when a consumer had it, parsed; the others have only this one.

import type { BenchServer } from './bench-server.ts'
import type { FollowerOptions, FollowerResult } from './follower.ts'
import { type LoadFigures, LoadProcess } from './load-process.ts'
import { forEachNumbered } from './pages.ts'
import type { ConsumerOptions, ConsumerResult, Finish } from './peers/consumer.ts'
import { dwell, PARTITIONS, TOPIC } from './peers/dwell.ts'
import type { Peer, PeerServer } from './peers/peer.ts'
import { measureBeside } from './peers/peers.ts'
import type { PublisherOptions, PublisherResult } from './peers/publisher.ts'
import { cpuShareSince } from './process-figures.ts'
import { addRatios, printTable, quantile, type Row } from './table.ts'

const RATES = [2_000, 10_000]
const MESSAGES = 10
const SIZE = 1024
const CONSUMERS = 4
const UNDER_WAY = 64
const DUE = { aheadMs: 2_000, spanMs: 4_000 }
/** What is published first is not counted: code that has not run yet is slow everywhere. */
const WARM_UP_SECONDS = 3
/** What has not come so long after the last publish is missing: the last is due 6 s after it. */
const PATIENCE_MS = 30_000
const STEP_MS_MAX = 0.5

export async function lateness(seconds: number): Promise<void> {
  for (const rate of RATES) {
    const rows = await followedRows(rate, seconds)
    const delivered = await measureBeside((peer) => deliveredRow(peer, rate, seconds))
    addRatios(delivered, 'p99', 'p99 ÷ Dwell')
    rows.push(...delivered)
    printTable(
      `lateness at ${rate} messages a second: ms after due`,
      `${SIZE} bytes, ${MESSAGES} a request, due ${DUE.aheadMs / 1000} to ${(DUE.aheadMs + DUE.spanMs) / 1000} s ahead, ` +
        `${seconds} s after ${WARM_UP_SECONDS} s that do not count; ${CONSUMERS} consumers; server, publisher and consumers are a process each`,
      rows,
    )
  }
}

/** When messages are in the log of Dwell, which no consumer reads meanwhile. */
async function followedRows(rate: number, seconds: number): Promise<Row[]> {
  const peer = dwell()
  const { server, ...running } = await peer.start()
  const options: FollowerOptions = { port: server.port, topic: TOPIC, partition: 0, count: countOf(rate, seconds) }
  const follower = new LoadProcess<FollowerResult>('follower.ts', options)
  try {
    await follower.ready
    const { published, shared } = await publish(peer, running, rate, seconds)
    await dispatched(server, options.count)
    follower.tell({})
    const followed = await follower.result
    const stampMs = new Float64Array(options.count)
    await forEachNumbered(server.port, { topic: TOPIC, partitions: PARTITIONS }, (n, { timestampMs }) => {
      stampMs[n] = timestampMs
    })
    const first = rate * WARM_UP_SECONDS
    const harness = harnessRow(published, followed)
    return [
      { ...shared, what: 'timestamp', ...latenessRow(published, stampMs, first) },
      { ...shared, what: 'in the log', ...latenessRow(published, followed.seenMs, first), ...harness },
    ]
  } finally {
    follower.kill()
    await server.stop()
  }
}

async function deliveredRow(peer: Peer, rate: number, seconds: number): Promise<Row> {
  const running = await peer.start()
  const count = countOf(rate, seconds)
  const options: ConsumerOptions = { peer: peer.name, port: running.port, count, consumers: CONSUMERS }
  const consumer = new LoadProcess<ConsumerResult>('peers/consumer.ts', options)
  try {
    await consumer.ready
    const { published, shared } = await publish(peer, running, rate, seconds)
    consumer.tell({ withinMs: PATIENCE_MS } satisfies Finish)
    const consumed = await consumer.result
    refuseSteps(published, consumed)
    return {
      ...shared,
      what: 'delivered',
      ...latenessRow(published, consumed.takenMs, rate * WARM_UP_SECONDS),
      missing: count - consumed.taken,
      twice: consumed.twice,
      ...harnessRow(published, consumed),
    }
  } finally {
    consumer.kill()
    await running.stop()
  }
}

async function publish(peer: Peer, { pid, port }: PeerServer, rate: number, seconds: number) {
  const options: PublisherOptions = {
    peer: peer.name,
    port,
    from: 0,
    count: countOf(rate, seconds),
    size: SIZE,
    messages: MESSAGES,
    underWay: UNDER_WAY,
    perSecond: rate,
    due: DUE,
  }
  const publisher = new LoadProcess<PublisherResult>('peers/publisher.ts', options)
  await publisher.ready
  const serverCpu = cpuShareSince(pid)
  const published = await publisher.result
  const shared: Row = {
    queue: peer.name,
    answered: peer.answered,
    'published/s': Math.round(options.count / published.seconds),
    'server CPU %': serverCpu(),
  }
  return { published, shared }
}

async function dispatched(server: BenchServer, count: number): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS
  while ((await server.metric('dwell_dispatched_total')) < count && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Of the messages that came, from number `first` on; one that did not come has the time 0. */
function latenessRow({ dueAtMs, notBeforeMs }: PublisherResult, atMs: Float64Array, first: number): Row {
  const late: number[] = []
  let early = 0
  for (let n = 0; n < atMs.length; n++) {
    if (atMs[n] === 0) continue
    if (atMs[n] < notBeforeMs[n]) early++
    if (n >= first) late.push(atMs[n] - dueAtMs[n])
  }
  late.sort((a, b) => a - b)
  return {
    p50: quantile(late, 0.5),
    p99: quantile(late, 0.99),
    'p99.9': quantile(late, 0.999),
    max: late[late.length - 1],
    early,
  }
}

/** Whether the load itself kept up: what it had of the cores, and how late its own event loops were. */
function harnessRow(publisher: LoadFigures, consumer: LoadFigures): Row {
  return {
    'publisher CPU %': Math.round(publisher.cpuPercent),
    'consumers CPU %': Math.round(consumer.cpuPercent),
    'their loops p99 ms': Math.max(publisher.loopP99Ms, consumer.loopP99Ms),
  }
}

function countOf(rate: number, seconds: number): number {
  return rate * (seconds + WARM_UP_SECONDS)
}

function refuseSteps(...processes: { clockStepMs: number }[]): void {
  const stepMs = Math.max(...processes.map((one) => Math.abs(one.clockStepMs)))
  if (stepMs > STEP_MS_MAX) throw new Error(`the wall clock was stepped by ${stepMs} ms meanwhile: measure again`)
}
