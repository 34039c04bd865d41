// A hundred thousand dead letters: how long who looks at them waits, also first thing after a kill and while others publish;
// then half of them redriven at a rate by a server that is killed twice meanwhile, and every single one looked for.

import { BenchServer } from './bench-server.ts'
import { bury, filterRows, messageOf, REDRIVEN, reasonOf } from './dead-letter-load.ts'
import { killedRedrive } from './dead-letter-redrive.ts'
import { fill } from './fill.ts'
import { residentMib } from './process-figures.ts'
import { printTable, quantile, type Row } from './table.ts'

const GROUP = '/v1/topics/orders/groups/billing'
const DEAD = `${GROUP}/dead-letters`
const PARTITIONS = 4
const REPEATS = 20
const MEANWHILE_MS = 5_000
const PUBLISH_EVERY_MS = 2
const RATE = 5_000
const QUERIES = ['?key=customer-17', '', '?header.region=nowhere', '?reason=no+such+reason']
const LOOKERS = [
  { who: 'nobody', lookers: 0 },
  { who: 'one, now and then', lookers: 1, everyMs: 200 },
  { who: 'four, now and then', lookers: 4, everyMs: 200 },
  { who: 'four, all the time', lookers: 4 },
  { who: 'four, of a server just killed', lookers: 4, isFirst: true },
]

export async function deadLetters(count: number): Promise<void> {
  const server = await BenchServer.start()
  try {
    await server.call('PUT', '/v1/topics/orders', { partitions: PARTITIONS })
    await server.call('PUT', GROUP, { retry: [], lock: '5m', maxInFlight: 10_000 })
    await fill(server, 'orders', count, messageOf)
    const buriedMs = await bury(server, GROUP, count)
    await looks(server, count, buriedMs)
    await meanwhile(server)
    await killedRedrive(server, { group: GROUP, count, rate: RATE, isRedriven: (n) => reasonOf(n).includes(REDRIVEN) })
  } finally {
    await server.stop()
  }
}

/** Each filter: the first page, the count, the dry run; warm, and as the first look at a server that was just killed. */
async function looks(server: BenchServer, count: number, buriedMs: { fromMs: number; toMs: number }): Promise<void> {
  const rows: Row[] = []
  for (const { what, query, matches } of filterRows(count, buriedMs)) {
    const filter = Object.fromEntries(new URLSearchParams(query))
    const calls: Record<string, () => Promise<unknown>> = {
      list: () => server.call('GET', `${DEAD}?${query}`),
      count: () => server.call('GET', `${DEAD}/count?${query}`),
      'dry run': () => server.call('POST', `${DEAD}/redrive`, { filter, dryRun: true }),
      reasons: () => server.call('GET', `${DEAD}/reasons?${query}`),
    }
    const row: Row = { filter: what, matches }
    for (const [name, call] of Object.entries(calls)) {
      await server.restartAfterKill()
      row[`${name}: first`] = await timed(call)
      const answer = (await call()) as { count?: number }
      if (answer.count !== undefined && answer.count !== matches) {
        console.log(`  ${name} ${what} answers ${answer.count}, not ${matches}`)
        process.exitCode = 1
      }
      const warm: number[] = []
      for (let i = 0; i < REPEATS; i++) warm.push(await timed(call))
      row[`${name}: worst`] = Math.max(...warm)
    }
    rows.push(row)
  }
  printTable(
    `looking at ${count} dead letters`,
    `1 KB, with a key and 3 headers, ${PARTITIONS} partitions; pages of 100; ms of an answer over HTTP: "first" is the first ` +
      `after kill -9 and a start, "worst" of ${REPEATS} more; server ready in ${Math.round(server.process.readyMs)} ms, ` +
      `${Math.round(residentMib(server.process.pid))} MiB`,
    rows,
  )
}

/** What a publisher notices of four who look all the time. */
async function meanwhile(server: BenchServer): Promise<void> {
  const rows: Row[] = []
  for (const { who, lookers, everyMs = 0, isFirst = false } of LOOKERS) {
    if (isFirst) await server.restartAfterKill()
    const endMs = performance.now() + MEANWHILE_MS
    let looked = 0
    const look = async (query: string) => {
      while (performance.now() < endMs) {
        await server.call('GET', `${DEAD}${query}`)
        await server.call('GET', `${DEAD}/count${query}`)
        looked += 2
        await new Promise((resolve) => setTimeout(resolve, everyMs))
      }
    }
    const looking = QUERIES.slice(0, lookers).map(look)
    const took: number[] = []
    while (performance.now() < endMs) {
      const message = { value: 'x'.repeat(1024) }
      took.push(await timed(() => server.call('POST', '/v1/topics/others/messages', message)))
      await new Promise((resolve) => setTimeout(resolve, PUBLISH_EVERY_MS))
    }
    await Promise.all(looking)
    took.sort((a, b) => a - b)
    const times = { 'p50 ms': quantile(took, 0.5), 'p99 ms': quantile(took, 0.99), 'worst ms': took[took.length - 1] }
    rows.push({ 'who looks': who, 'looks/s': looked / (MEANWHILE_MS / 1000), published: took.length, ...times })
  }
  printTable(
    'publishing meanwhile',
    'one after the other, 1 KB, durable; those who look list and count, each a filter',
    rows,
  )
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await call()
  return performance.now() - startMs
}
