// A redrive at a rate, of a server that is killed twice in the middle of it. Held against it afterwards: its rate in each of
// its three lives, and by message number that the consumer got each one once, nothing else, and that all others are still dead.

import type { BenchServer } from './bench-server.ts'
import { REDRIVEN } from './dead-letter-load.ts'
import { numberOf } from './numbered.ts'
import { printTable, type Row } from './table.ts'

const LOOK_EVERY_MS = 20
const LIVES = 3
/** A process that has just started catches up on what its first steps took. */
const SETTLE_MS = 700
const BATCH = 500
const PAGE = 1_000
/** A rate is held when no life of the task is off by more. */
const OFF_MAX = 0.05

interface Task {
  state: string
  matched: number
  moved: number
  failed: number
}

export async function killedRedrive(
  server: BenchServer,
  how: { group: string; count: number; rate: number; isRedriven: (n: number) => boolean },
): Promise<void> {
  const { group, count, rate, isRedriven } = how
  const { task } = (await server.call('POST', `${group}/dead-letters/redrive`, {
    filter: { reason: REDRIVEN },
    ratePerSecond: rate,
  })) as { task: string }
  const look = () => server.call('GET', `/v1/redrives/${task}`) as Promise<Task>
  const rows: Row[] = []
  let end = await look()
  for (let life = 1; life <= LIVES; life++) {
    const until = (end.matched * life) / LIVES
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    const begin = await look()
    const startMs = performance.now()
    do {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
      end = await look()
    } while (end.state === 'running' && end.moved < until)
    const seconds = (performance.now() - startMs) / 1000
    const perSecond = (end.moved - begin.moved) / seconds
    const off = perSecond / rate - 1
    if (Math.abs(off) > OFF_MAX) process.exitCode = 1
    if (life < LIVES) await server.restartAfterKill(server.port)
    rows.push({ life, from: begin.moved, to: end.moved, seconds, 'records/s': perSecond, 'off %': 100 * off })
  }
  printTable(
    `redrive of ${end.matched} of ${count} dead letters`,
    `asked for ${rate} a second, measured from ${SETTLE_MS} ms on in each life; kill -9 after each but the last; ends ${end.state}, ${end.failed} failed`,
    rows,
  )
  const delivered = await deliveredIn(server, group, count)
  const dead = await listed(server, group, count)
  const row = { lost: 0, twice: 0, 'not asked for': 0, 'dead and delivered': 0 }
  for (let n = 0; n < count; n++) {
    if (delivered[n] + dead[n] === 0) row.lost++
    if (delivered[n] > 1 || dead[n] > 1) row.twice++
    if (delivered[n] > 0 && !isRedriven(n)) row['not asked for']++
    if (delivered[n] > 0 && dead[n] > 0) row['dead and delivered']++
  }
  const came = delivered.reduce((sum, times) => sum + times, 0)
  const left = dead.reduce((sum, times) => sum + times, 0)
  const isExact = Object.values(row).every((many) => many === 0) && came === end.moved && end.moved === end.matched
  if (!isExact) process.exitCode = 1
  printTable('each by its number', 'all consumed, then every dead letter listed', [
    { matched: end.matched, moved: end.moved, delivered: came, 'still dead': left, ...row },
  ])
}

/** How often the group gets each message. */
async function deliveredIn(server: BenchServer, group: string, count: number): Promise<Uint8Array> {
  const times = new Uint8Array(count)
  for (;;) {
    const { records } = (await server.call('POST', `${group}/acquire`, { max: BATCH })) as {
      records: { receipt: string; value: string; deliveryCount: number }[]
    }
    if (records.length === 0) return times
    for (const { value, deliveryCount } of records) {
      if (deliveryCount !== 1) throw new Error(`a redriven record is delivered for the ${deliveryCount}. time`)
      times[numberOf(value)]++
    }
    const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'accept' }))
    await server.call('POST', `${group}/acknowledge`, { acknowledgements })
  }
}

/** How often each message is among the dead letters. */
async function listed(server: BenchServer, group: string, count: number): Promise<Uint8Array> {
  const times = new Uint8Array(count)
  for (let after: string | null = ''; after !== null; ) {
    const query = after === '' ? '' : `&after=${after}`
    const page = (await server.call('GET', `${group}/dead-letters?limit=${PAGE}${query}`)) as {
      records: { value: string }[]
      after: string | null
    }
    for (const { value } of page.records) times[numberOf(value)]++
    after = page.after
  }
  return times
}
