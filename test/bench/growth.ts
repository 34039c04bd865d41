// A year of delays: what a million of them cost to publish and on the disk, and what it takes to move an hour's worth into
// the wheel, by the test clock.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BenchServer } from './bench-server.ts'
import { scattered } from './numbered.ts'
import { publishNumbered } from './numbered-publisher.ts'
import { MemorySampler } from './process-figures.ts'
import { printTable, quantile, type Row } from './table.ts'
import { tally } from './tally.ts'

const MIB = 1024 * 1024
const SIZE = 1024
const TARGET = { topic: 'orders', partitions: 4 }
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const SPAN_MS = 365 * DAY_MS
/** Beyond the reach of the wheel, so that each begins in overflow. */
const FROM_MS = 3 * HOUR_MS
const REST_MS = 35_000
/** What the data directory is made of, as far as it grows. */
const PARTS: [part: string, path: RegExp][] = [
  ['overflow', /^overflow/],
  ['__delay', /^topics\/__delay-/],
  ['journal', /^journal/],
  ['wheel', /^wheel/],
]
const HOURS = 24
const DAYS = 30

export async function growth(count: number): Promise<void> {
  const server = await BenchServer.start({ DWELL_TEST_CLOCK: 'true' })
  const sampler = new MemorySampler(() => server.process.pid)
  try {
    await server.call('PUT', `/v1/topics/${TARGET.topic}`, { partitions: TARGET.partitions })
    const beginMs = Date.now() + FROM_MS
    // Two draws: one of 32 bits is too coarse for a year of milliseconds.
    const dueAtMs = (n: number) => beginMs + scattered(n, SPAN_MS / DAY_MS) * DAY_MS + scattered(~n, DAY_MS)
    const rate = await publishNumbered(server, { ...TARGET, from: 0, to: count, size: SIZE, dueAtMs })
    const rows: Row[] = [sizeRow('published', server, count)]
    await sleep(REST_MS)
    rows.push(sizeRow('half a minute later', server, count))
    const readyMs = await server.restartAfterKill()
    printTable(
      `${count} messages over a year`,
      `${SIZE} bytes; published ${Math.round(rate)} a second; ready ${Math.round(readyMs)} ms after kill -9; ` +
        `most VmRSS ${Math.round(sampler.takeMostMib())} MiB; disk in MiB`,
      rows,
    )
    await server.advance(FROM_MS)
    const steps = [await stepRow(server, 'an hour', HOUR_MS, HOURS), await stepRow(server, 'a day', DAY_MS, DAYS)]
    const left = SPAN_MS - HOURS * HOUR_MS - DAYS * DAY_MS + HOUR_MS
    steps.push(await stepRow(server, 'the rest of the year', left, 1))
    printTable(
      'moving the clock: overflow → wheel → log',
      'ms of a call that moves it, until all that it makes due is in the log',
      steps,
    )
    printTable('what came of them', `by reading the topic; most VmRSS ${Math.round(sampler.takeMostMib())} MiB`, [
      { published: count, ...(await tally(server.port, TARGET, count, dueAtMs)) },
    ])
  } finally {
    sampler.stop()
    await server.stop()
  }
}

async function stepRow(server: BenchServer, step: string, ms: number, times: number): Promise<Row> {
  const before = await server.metric('dwell_dispatched_total')
  const tookMs: number[] = []
  for (let i = 0; i < times; i++) {
    const startMs = performance.now()
    await server.advance(ms)
    tookMs.push(performance.now() - startMs)
  }
  const messages = (await server.metric('dwell_dispatched_total')) - before
  const totalMs = tookMs.reduce((sum, some) => sum + some, 0)
  tookMs.sort((a, b) => a - b)
  return {
    step,
    times,
    'messages a step': Math.round(messages / times),
    'p50 ms': quantile(tookMs, 0.5),
    'max ms': tookMs[times - 1],
    'messages/s': messages / (totalMs / 1000),
  }
}

/** Disk used by each part of the data directory. */
function sizeRow(when: string, server: BenchServer, count: number): Row {
  const row: Record<string, number> = {}
  let total = 0
  for (const name of readdirSync(server.dataDirectory, { recursive: true, encoding: 'utf8' })) {
    const { blocks } = statSync(join(server.dataDirectory, name), { throwIfNoEntry: false }) ?? { blocks: 0 }
    const bytes = blocks * 512
    const part = PARTS.find(([, path]) => path.test(name))?.[0] ?? 'others'
    row[part] = (row[part] ?? 0) + bytes / MIB
    total += bytes
  }
  return { when, ...row, total: total / MIB, 'bytes a message': Math.round(total / count) }
}
