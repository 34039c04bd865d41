// Very many messages due in one second: how fast Dwell dispatches them into the log, how fast consumers get and accept
// them, what memory that takes, and how late other messages are meanwhile. Then fewer and larger ones, beside others. Row I2 of
// test/faults/README.md.

import { setTimeout as sleep } from 'node:timers/promises'
import { Bystanders } from './bystanders.ts'
import { LoadProcess } from './load-process.ts'
import type { ConsumerOptions, ConsumerResult, Finish } from './peers/consumer.ts'
import { type DwellServer, dwell, TOPIC } from './peers/dwell.ts'
import type { Peer, PeerServer } from './peers/peer.ts'
import { measureBeside } from './peers/peers.ts'
import type { PublisherOptions, PublisherResult } from './peers/publisher.ts'
import { cpuMs, cpuShareSince, MemorySampler } from './process-figures.ts'
import { addRatios, printTable, type Row } from './table.ts'

const SMALL = 200
const LARGE = 1024
const SPAN_MS = 1_000
const CONSUMERS = 4
const MESSAGES = 500
const UNDER_WAY = 8
/** How fast a queue takes messages is tried with so many, on a server of its own: that says when the burst is to be. */
const TRIED = 20_000
const TRIED_AHEAD_MS = 3_600_000
/** The burst is so much later than publishing is thought to take, for what else goes on. */
const LEAD_FACTOR = 1.5
const LEAD_MS = 5_000
/** Bystanders begin so long before: less than the lead. */
const BYSTANDERS_AHEAD_MS = 4_000
const LOOK_MS = 20
const PATIENCE_MS = 180_000

export async function burst(count: number): Promise<void> {
  const rows: Row[] = [
    await burstRow(dwell(), 'no consumer', { count, size: SMALL, consumers: 0 }),
    await burstRow(dwell(), `${CONSUMERS} consumers`, { count, size: SMALL, consumers: CONSUMERS }),
    await burstRow(dwell(), 'and bystanders', { count, size: SMALL, consumers: CONSUMERS, bystanders: true }),
  ]
  printTable(`${count} messages due in one second`, settings(SMALL), rows)
  const fewer = Math.ceil(count / 5)
  const large = { count: fewer, size: LARGE, consumers: CONSUMERS }
  const beside = await measureBeside((peer) => burstRow(peer, `${CONSUMERS} consumers`, large))
  addRatios(beside, 'accepted/s', 'accepted ÷ Dwell')
  printTable(`${fewer} messages due in one second, beside others`, settings(LARGE), beside)
}

function settings(size: number): string {
  return (
    `${size} bytes, published ${MESSAGES} a request, ${UNDER_WAY} at once; rates from when the first is due to when the last is in the log, ` +
    'or accepted; server, publisher and consumers are a process each'
  )
}

interface Burst {
  count: number
  size: number
  consumers: number
  /** Whether messages to another topic go on meanwhile. */
  bystanders?: boolean
}

async function burstRow(peer: Peer, what: string, burst: Burst): Promise<Row> {
  const { count, size, consumers } = burst
  const leadMs = (count / (await publishRate(peer, size))) * 1000 * LEAD_FACTOR + LEAD_MS
  const running = await peer.start()
  const { pid, port } = running
  const sampler = new MemorySampler(() => pid)
  const load: ConsumerOptions = { peer: peer.name, port, count, consumers }
  const consumer = consumers > 0 ? new LoadProcess<ConsumerResult>('peers/consumer.ts', load) : undefined
  let bystanders: Bystanders | undefined
  try {
    await consumer?.ready
    const atMs = Date.now() + Math.ceil(leadMs)
    const published = await publish(peer, port, burst, { atMs, spanMs: SPAN_MS })
    if (Date.now() > atMs - SPAN_MS) throw new Error(`${peer.name} took messages slower than it was thought to`)
    const fillingMib = sampler.takeMostMib()
    const firstDueMs = published.dueAtMs.reduce((least, dueMs) => Math.min(least, dueMs))
    await sleep(firstDueMs - BYSTANDERS_AHEAD_MS - Date.now())
    if (burst.bystanders && isDwell(running)) bystanders = await Bystanders.start(running.server)
    await sleep(firstDueMs - Date.now())
    const serverCpu = cpuShareSince(pid)
    const consumersCpuMs = consumer ? cpuMs(consumer.pid) : 0
    consumer?.tell({ withinMs: PATIENCE_MS } satisfies Finish)
    const logged = isDwell(running) ? allLogged(running, count) : undefined
    const [consumed, loggedMs] = await Promise.all([consumer?.result, logged])
    const cpu: Row = { 'server CPU %': serverCpu() }
    if (consumed) {
      const share = (100 * (consumed.cpuMs - consumersCpuMs)) / (consumed.finishedMs - firstDueMs)
      cpu['consumers CPU %'] = Math.round(share)
    }
    const theirs = await bystanders?.row()
    return {
      queue: peer.name,
      answered: peer.answered,
      what,
      'published/s': count / published.seconds,
      ...(loggedMs && { 'dispatched/s': count / ((loggedMs - firstDueMs) / 1000) }),
      ...(consumed && consumedRow(consumed, published, firstDueMs, count)),
      ...theirs,
      'MiB filling': fillingMib,
      'MiB then': sampler.takeMostMib(),
      ...cpu,
    }
  } finally {
    sampler.stop()
    consumer?.kill()
    bystanders?.kill()
    await running.stop()
  }
}

function consumedRow(consumed: ConsumerResult, published: PublisherResult, firstDueMs: number, count: number): Row {
  let early = 0
  for (let n = 0; n < count; n++) {
    if (consumed.takenMs[n] !== 0 && consumed.takenMs[n] < published.notBeforeMs[n]) early++
  }
  return {
    'accepted/s': consumed.finished / ((consumed.finishedMs - firstDueMs) / 1000),
    early,
    missing: count - consumed.taken,
    twice: consumed.twice,
  }
}

async function publishRate(peer: Peer, size: number): Promise<number> {
  const running = await peer.start()
  try {
    const due = { atMs: Date.now() + TRIED_AHEAD_MS, spanMs: SPAN_MS }
    const { seconds } = await publish(peer, running.port, { count: TRIED, size }, due)
    return TRIED / seconds
  } finally {
    await running.stop()
  }
}

function publish(
  peer: Peer,
  port: number,
  { count, size }: { count: number; size: number },
  due: { atMs: number; spanMs: number },
): Promise<PublisherResult> {
  const shared = { peer: peer.name, port, size, messages: MESSAGES, underWay: UNDER_WAY }
  const options: PublisherOptions = { ...shared, from: 0, count, due }
  return new LoadProcess<PublisherResult>('peers/publisher.ts', options).result
}

/** When all `count` messages are to be seen in the log. */
async function allLogged({ server }: DwellServer, count: number): Promise<number> {
  for (const untilMs = Date.now() + PATIENCE_MS; Date.now() < untilMs; await sleep(LOOK_MS)) {
    const { partitions } = (await server.call('GET', `/v1/topics/${TOPIC}`)) as { partitions: PartitionFigures[] }
    if (partitions.reduce((sum, { highWatermark }) => sum + highWatermark, 0) >= count) return Date.now()
  }
  throw new Error('the burst was not dispatched')
}

interface PartitionFigures {
  highWatermark: number
}

function isDwell(running: PeerServer): running is DwellServer {
  return 'server' in running
}
