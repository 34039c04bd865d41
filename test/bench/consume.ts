// Taking messages that are there and finishing each: four consumers that take them in the way that is quickest, and
// sixty-four that have one in their hands at a time. Beside others, and beside a bare fastify route: of one message at a
// time each costs Dwell two requests.

import { startBare } from './bare-process.ts'
import { measure, valueOfSize } from './load.ts'
import { LoadProcess } from './load-process.ts'
import type { ConsumerOptions, ConsumerResult, Finish } from './peers/consumer.ts'
import type { Peer } from './peers/peer.ts'
import { measureBeside } from './peers/peers.ts'
import type { PublisherOptions, PublisherResult } from './peers/publisher.ts'
import { cpuMs } from './process-figures.ts'
import { addRatios, printTable, type Row } from './table.ts'
import { wallMs } from './wall-clock.ts'

const SIZE = 1024
/** What comes first is not counted: code that has not run yet is slow everywhere. */
const UNCOUNTED = 0.2
const PATIENCE_MS = 180_000
const CONNECTIONS = 64

interface Way {
  what: string
  settings: string
  consumers: number
  single: boolean
  /** So that a run takes seconds for each of them. */
  messages: { dwell: number; others: number }
}

const WAYS: readonly Way[] = [
  {
    what: 'take and finish, in batches where there are any',
    settings: 'Dwell: batches of up to 500, each accepted',
    consumers: 4,
    single: false,
    messages: { dwell: 500_000, others: 30_000 },
  },
  {
    what: 'take and finish, one at a time',
    settings: 'Dwell: acquire with max 1, accept; beanstalkd: one connection a consumer; BullMQ: one worker',
    consumers: 64,
    single: true,
    messages: { dwell: 60_000, others: 30_000 },
  },
]

export async function consume(seconds: number): Promise<void> {
  const bare = await bareRequestsPerSecond(seconds)
  for (const way of WAYS) {
    const rows = await measureBeside((peer) => row(peer, way))
    addRatios(rows, 'finished/s', 'finished ÷ Dwell')
    if (way.single) rows[0]['requests ÷ bare'] = (2 * Number(rows[0]['finished/s'])) / bare
    printTable(
      `${way.what}, ${way.consumers} consumers`,
      `${SIZE} bytes, published before; ${way.settings}; the first ${100 * UNCOUNTED} % are not counted; ` +
        `server and consumers are a process each; a bare fastify route answers ${Math.round(bare).toLocaleString('en-US')} requests a second`,
      rows,
    )
  }
}

async function row(peer: Peer, { consumers, single, messages }: Way): Promise<Row> {
  const count = peer.name === 'Dwell' ? messages.dwell : messages.others
  const { pid, port, stop } = await peer.start()
  try {
    const publishing: PublisherOptions = {
      peer: peer.name,
      port,
      from: 0,
      count,
      size: SIZE,
      messages: 500,
      underWay: 8,
    }
    const { seconds } = await new LoadProcess<PublisherResult>('peers/publisher.ts', publishing).result
    const consuming: ConsumerOptions = { peer: peer.name, port, count, consumers, single }
    const consumer = new LoadProcess<ConsumerResult>('peers/consumer.ts', consuming)
    try {
      await consumer.ready
      const [readyMs, readyCpuMs] = [wallMs(), cpuMs(pid)]
      consumer.tell({ withinMs: PATIENCE_MS } satisfies Finish)
      const consumed = await consumer.result
      return {
        queue: peer.name,
        answered: peer.answered,
        'published/s': count / seconds,
        messages: count,
        ...consumedRow(consumed, count),
        'server CPU %': Math.round((100 * (cpuMs(pid) - readyCpuMs)) / (consumed.finishedMs - readyMs)),
        'consumers CPU %': Math.round((100 * consumed.cpuMs) / (consumed.finishedMs - readyMs)),
      }
    } finally {
      consumer.kill()
    }
  } finally {
    await stop()
  }
}

/** The rate behind the messages that are not counted. Every message has to come once: else the bench ends with 1. */
function consumedRow({ takenMs, taken, twice, unknown, finished, finishedMs }: ConsumerResult, count: number): Row {
  const missing = count - taken
  if (missing + twice + unknown + (count - finished) > 0) process.exitCode = 1
  const uncounted = Math.floor(count * UNCOUNTED)
  const fromMs = takenMs.toSorted()[missing + uncounted]
  return { 'finished/s': (finished - uncounted) / ((finishedMs - fromMs) / 1000), missing, twice }
}

async function bareRequestsPerSecond(seconds: number): Promise<number> {
  const bare = await startBare()
  try {
    const url = `http://127.0.0.1:${bare.port}/v1/topics/orders/messages`
    const body = JSON.stringify({ value: valueOfSize(SIZE), delay: '1h' })
    const load = { url, body, contentType: 'application/json', connections: CONNECTIONS }
    await measure({ ...load, seconds: 2 })
    return (await measure({ ...load, seconds })).requestsPerSecond
  } finally {
    bare.kill()
  }
}
