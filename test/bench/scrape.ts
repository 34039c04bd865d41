// What being watched costs: how long /metrics takes with a thousand topics and a thousand groups, and what scraping it once a second
// (fifteen times as often as usual) takes from publishing, in requests and in time of cores. Row I3 of test/faults/README.md.

import { setTimeout as sleep } from 'node:timers/promises'
import { BenchServer } from './bench-server.ts'
import { measure, valueOfSize } from './load.ts'
import { cpuMs } from './process-figures.ts'
import { printTable, quantile, type Row } from './table.ts'

const TOPICS = 1_000
const SCRAPES = 50
const SCRAPE_INTERVAL_MS = 1_000
const CONNECTIONS = 64
const RUNS = 6
/** Calls at once, while topics and groups are made. */
const AT_ONCE = 16

/** `seconds` a run under load; 0 leaves the load out. */
export async function scrape(seconds: number): Promise<void> {
  const server = await BenchServer.start()
  try {
    await fill(server)
    for (let i = 0; i < SCRAPES; i++) await timeOfScrape(server)
    const times: number[] = []
    const beganMs = cpuMs(server.process.pid)
    for (let i = 0; i < SCRAPES; i++) times.push(await timeOfScrape(server))
    const ofCores = (cpuMs(server.process.pid) - beganMs) / SCRAPES
    times.sort((a, b) => a - b)
    const row: Row = { 'median ms': quantile(times, 0.5), 'longest ms': times[times.length - 1], 'CPU ms': ofCores }
    row.bytes = (await server.process.client.call('GET', '/metrics')).text.length
    printTable(
      `a scrape with ${TOPICS} topics and ${TOPICS} groups`,
      `4 partitions each, a message and a retry in each, ${SCRAPES} scrapes one after the other`,
      [row],
    )
    if (seconds > 0) await underLoad(server, seconds)
  } finally {
    await server.stop()
  }
}

/** A message that waits, one that was released, in every topic. */
async function fill(server: BenchServer): Promise<void> {
  const one = async (n: number) => {
    const topic = `/v1/topics/topic-${n}`
    await server.call('POST', `${topic}/messages`, {
      messages: [{ value: n }, { value: n }, { value: n, delay: '1h' }],
    })
    await server.call('PUT', `${topic}/groups/workers`, { retry: ['1h'] })
    const { records } = (await server.call('POST', `${topic}/groups/workers/acquire`, { max: 1 })) as {
      records: { receipt: string }[]
    }
    const acknowledgements = [{ receipt: records[0].receipt, type: 'release' }]
    await server.call('POST', `${topic}/groups/workers/acknowledge`, { acknowledgements })
  }
  for (let n = 0; n < TOPICS; n += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, TOPICS - n) }, (_, i) => one(n + i)))
  }
}

async function timeOfScrape(server: BenchServer): Promise<number> {
  const beganMs = performance.now()
  await server.process.client.call('GET', '/metrics')
  return performance.now() - beganMs
}

async function underLoad(server: BenchServer, seconds: number): Promise<void> {
  const load = {
    url: `http://127.0.0.1:${server.port}/v1/topics/orders/messages`,
    body: JSON.stringify({ value: valueOfSize(1024), delay: '1h' }),
    contentType: 'application/json',
    connections: CONNECTIONS,
  }
  const { pid } = server.process
  const run = async (): Promise<Run> => {
    const beganMs = cpuMs(pid)
    const { requestsPerSecond } = await measure({ ...load, seconds })
    return { requestsPerSecond, cpuUs: ((cpuMs(pid) - beganMs) * 1000) / (requestsPerSecond * seconds) }
  }
  await measure({ ...load, seconds: 2 })
  const runs = { no: [] as Run[], yes: [] as Run[] }
  for (let i = 0; i < RUNS; i++) {
    // In turns, since what is published stays: the later run has more pending.
    for (const scraped of i % 2 === 0 ? (['no', 'yes'] as const) : (['yes', 'no'] as const)) {
      const scraping = new AbortController()
      const ended = scraped === 'yes' ? scrapeUntil(server, scraping.signal) : undefined
      runs[scraped].push(await run())
      scraping.abort()
      await ended
    }
  }
  const rows = [
    { scraped: 'no', ...medians(runs.no) },
    { scraped: 'yes', ...medians(runs.yes) },
  ]
  const [before, after] = rows
  printTable(
    'delayed publish while it is scraped',
    `${CONNECTIONS} connections, value 1 KiB, ${RUNS} interleaved runs of ${seconds} s, medians; a scrape each ${SCRAPE_INTERVAL_MS} ms`,
    [
      ...rows,
      {
        scraped: 'costs %',
        'req/s': 100 * (1 - after['req/s'] / before['req/s']),
        'CPU µs/req': 100 * (after['CPU µs/req'] / before['CPU µs/req'] - 1),
      },
    ],
  )
}

/** What neighbours on the same cores take changes how many requests there are, but hardly what each of them costs. */
interface Run {
  requestsPerSecond: number
  cpuUs: number
}

function medians(runs: readonly Run[]): { 'req/s': number; 'CPU µs/req': number } {
  const of = (values: number[]) => quantile(values.sort((a, b) => a - b), 0.5) // biome-ignore format: one line
  return {
    'req/s': of(runs.map(({ requestsPerSecond }) => requestsPerSecond)),
    'CPU µs/req': of(runs.map(({ cpuUs }) => cpuUs)),
  }
}

async function scrapeUntil(server: BenchServer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await timeOfScrape(server)
    await sleep(SCRAPE_INTERVAL_MS, undefined, { signal }).catch(() => {})
  }
}
