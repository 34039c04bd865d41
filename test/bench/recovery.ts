// How long a start takes: after a stop, after kill -9 with a full checkpoint interval of journal to replay, and with very
// many messages pending: after kill -9, and after another boot of the machine, of which nothing is trusted that was not
// synced.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BenchServer } from './bench-server.ts'
import { scattered } from './numbered.ts'
import { publishNumbered } from './numbered-publisher.ts'
import { residentMib } from './process-figures.ts'
import { printTable, type Row } from './table.ts'
import { publishRoundRobin } from './topics.ts'

const MIB = 1024 * 1024
const RUNS = 3
/** Nearly all of an interval: one frame more and a checkpoint would be written. */
const CHECKPOINT_BYTES = 128 * MIB
const REPLAYED_BYTES = 122 * MIB
/** What a message of 1 KiB takes in the journal, about. */
const MESSAGE_BYTES = 1060
const MESSAGES = 500
const SPAN_MS = 2 * 3_600_000
const AHEAD_MS = 15 * 60_000
const SYNCED_WITHIN_MS = 300_000

/** With `pending` messages in the starts of the second table. */
export async function recovery(pending: number): Promise<void> {
  const rows: Row[] = [await afterStop()]
  for (const delay of [undefined, '1h']) {
    for (const topics of delay === undefined ? [1, 10_000] : [1]) rows.push(await afterKill(topics, delay))
  }
  const settings = `from starting the process to its first 200 on /readyz, medians of ${RUNS}; CHECKPOINT_BYTES ${CHECKPOINT_BYTES / MIB} MiB`
  printTable('starts', settings, rows)
  printTable(
    `starts with ${pending} messages pending`,
    '1 KiB each, due over two hours; one start each; another boot: another boot id, what the page cache holds is still there',
    await withPending(pending),
  )
}

async function withPending(pending: number): Promise<Row[]> {
  const server = await BenchServer.start()
  const rows: Row[] = []
  const add = async (start: string, begin: () => Promise<number>) => {
    try {
      const ms = await begin()
      const held = await server.metric('dwell_delayed_pending')
      rows.push({ start, 'ready after ms': ms, pending: held, 'VmRSS MiB': residentMib(server.process.pid) })
    } catch (error) {
      rows.push({ start, 'ready after ms': `could not be tried: ${(error as Error).message.split('\n')[0]}` })
    }
  }
  try {
    const beginMs = Date.now() + AHEAD_MS
    const dueAtMs = (n: number) => beginMs + scattered(n, SPAN_MS)
    await publishNumbered(server, { topic: 'orders', from: 0, to: pending, size: 1024, dueAtMs })
    await add('after kill -9', () => server.restartAfterKill())
    const synced = join(server.dataDirectory, 'wheel', 'checkpoint.synced')
    const startMs = performance.now()
    while (!existsSync(synced) && performance.now() - startMs < SYNCED_WITHIN_MS) await sleep(250)
    const seconds = Math.round((performance.now() - startMs) / 1000)
    const after = existsSync(synced) ? `a synced checkpoint after ${seconds} s` : `no synced checkpoint in ${seconds} s`
    await add(`after another boot, ${after}`, () => server.restartAfterAnotherBoot())
    return rows
  } finally {
    await server.stop()
  }
}

async function afterStop(): Promise<Row> {
  const server = await BenchServer.start()
  try {
    await publishRoundRobin(server.port, { topics: 4, messages: 1, connections: 8, requests: 1000 })
    const tookMs: number[] = []
    for (let i = 0; i < RUNS; i++) tookMs.push(await server.restart())
    return { start: 'after a stop', topics: 4, 'journal MiB': 0, 'ready after ms': median(tookMs) }
  } finally {
    await server.stop()
  }
}

async function afterKill(topics: number, delay: string | undefined): Promise<Row> {
  const tookMs: number[] = []
  for (let i = 0; i < RUNS; i++) {
    const server = await BenchServer.start({
      DWELL_CHECKPOINT_BYTES: String(CHECKPOINT_BYTES),
      DWELL_CHECKPOINT_INTERVAL: '1h',
    })
    try {
      // To many topics one message a request: a batch of its own for each, the hardest to replay.
      const messages = topics === 1 ? MESSAGES : 1
      const requests = Math.floor(REPLAYED_BYTES / MESSAGE_BYTES / messages)
      await publishRoundRobin(server.port, { topics, messages, connections: topics === 1 ? 8 : 256, requests, delay })
      tookMs.push(await server.restartAfterKill())
    } finally {
      await server.stop()
    }
  }
  const what = delay === undefined ? 'published at once' : `delayed ${delay}`
  return {
    start: `after kill -9, ${what}`,
    topics,
    'journal MiB': REPLAYED_BYTES / MIB,
    'ready after ms': median(tookMs),
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}
