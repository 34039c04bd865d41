// How long a start takes: after a stop, and after kill -9 with a full checkpoint interval of journal to replay.

import { BenchServer } from './bench-server.ts'
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

export async function recovery(): Promise<void> {
  const rows: Row[] = [await afterStop()]
  for (const delay of [undefined, '1h']) {
    for (const topics of delay === undefined ? [1, 10_000] : [1]) rows.push(await afterKill(topics, delay))
  }
  const settings = `from starting the process to its first 200 on /readyz, medians of ${RUNS}; CHECKPOINT_BYTES ${CHECKPOINT_BYTES / MIB} MiB`
  printTable('starts', settings, rows)
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
