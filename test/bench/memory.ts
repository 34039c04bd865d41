// Very many delayed messages pending over two hours: what they cost in memory and open files, whether publishing gets slower
// for them, how long a start takes after kill -9, and whether each of them is dispatched once when its time comes.
//
// Their time comes by the test clock: all of the run is under it. Due times follow from the number of a message, so that what
// is read back can be judged without remembering anything.

import { setTimeout as sleep } from 'node:timers/promises'
import { BenchServer, freeBytes } from './bench-server.ts'
import { scattered } from './numbered.ts'
import { publishNumbered } from './numbered-publisher.ts'
import { openFiles } from './open-descriptors.ts'
import { MemorySampler, residentMib } from './process-figures.ts'
import { printTable, type Row } from './table.ts'
import { tally } from './tally.ts'

const GIB = 1024 ** 3
const SIZE = 1024
const TENTHS = 10
const TARGET = { topic: 'orders', partitions: 4 }
const MINUTE_MS = 60_000
const SPAN_MS = 120 * MINUTE_MS
/** The first is due when all are published, at so many a second, and the starts are done. */
const PUBLISHED_A_SECOND_MIN = 15_000
const STEP_MS = 5 * MINUTE_MS
/** Published, dispatched and gone before anything is measured: code that has not run yet is slow. */
const WARM_UP = { topic: 'warm-up', from: 0, to: 100_000, size: SIZE }
const WARM_UP_MS = 2_000
const LOOK_MS = 100
/** Long enough for a checkpoint by time, and for the collector. */
const REST_MS = 65_000
/** `__delay`, slots, then the topic itself; dropped files of the wheel lag behind. */
const DISK_BYTES_EACH = 4 * SIZE

export async function memory(count: number): Promise<void> {
  const neededBytes = count * DISK_BYTES_EACH + 2 * GIB
  if (freeBytes() < neededBytes) {
    throw new Error(`memory needs about ${Math.ceil(neededBytes / GIB)} GiB of free disk: DWELL_BENCH_DIR says where`)
  }
  const server = await BenchServer.start({ DWELL_TEST_CLOCK: 'true' })
  const sampler = new MemorySampler(() => server.process.pid)
  const rows: Row[] = []
  const add = (what: string, more: Row = {}) => {
    const { pid } = server.process
    const mib = residentMib(pid)
    rows.push({ what, 'VmRSS MiB': mib, 'most MiB': Math.max(mib, sampler.takeMostMib()), ...openFiles(pid), ...more })
  }
  try {
    await server.call('PUT', `/v1/topics/${TARGET.topic}`, { partitions: TARGET.partitions })
    const warmAtMs = Date.now() + WARM_UP_MS
    await publishNumbered(server, { ...WARM_UP, dueAtMs: () => warmAtMs })
    while ((await pending(server)) > 0) await sleep(LOOK_MS)
    await sleep(2 * WARM_UP_MS)
    add('none pending')
    const late = Math.ceil(count / 20)
    const all = count + late
    const beginMs = Date.now() + 2 * MINUTE_MS + REST_MS + (all / PUBLISHED_A_SECOND_MIN) * 1000
    const dueAtMs = (n: number) => Math.floor(beginMs) + scattered(n, SPAN_MS)
    const publish = (from: number, to: number) => publishNumbered(server, { ...TARGET, from, to, size: SIZE, dueAtMs })

    const rates: number[] = []
    for (let tenth = 0; tenth < TENTHS; tenth++) {
      rates.push(await publish(Math.floor((count * tenth) / TENTHS), Math.floor((count * (tenth + 1)) / TENTHS)))
    }
    add(`${count} pending`)
    await sleep(REST_MS)
    add('a minute later')
    const readyMs = await server.restartAfterKill()
    add('after kill -9', { 'ready after ms': readyMs })
    await publish(count, all)
    const readyAgainMs = await server.restartAfterKill()
    add(`killed right after ${late} more`, { 'ready after ms': readyAgainMs })
    if (Date.now() > beginMs) throw new Error('all this took longer than was thought: messages came due meanwhile')

    const startMs = performance.now()
    await server.advance(beginMs - Date.now())
    for (let aheadMs = 0; aheadMs < SPAN_MS; aheadMs += STEP_MS) await server.advance(STEP_MS)
    add('all dispatched', { 'dispatched/s': all / ((performance.now() - startMs) / 1000) })
    const counted = await tally(server.port, TARGET, all, dueAtMs)
    printTable(
      `${all} pending`,
      `${SIZE} bytes, due over two hours, published as NDJSON of 500; "most": since the row before, sampled 10 times a second; ` +
        `the clock then moved in steps of ${STEP_MS / MINUTE_MS} min`,
      rows,
    )
    printTable('publishing meanwhile, messages/s', `by tenths of the first ${count}: the first is on an empty wheel`, [
      { first: rates[0], last: rates[TENTHS - 1], ratio: rates[TENTHS - 1] / rates[0], slowest: Math.min(...rates) },
    ])
    printTable('what came of them', `by reading the topic; pending now: ${await pending(server)}`, [
      { published: all, ...counted },
    ])
  } finally {
    sampler.stop()
    await server.stop()
  }
}

function pending(server: BenchServer): Promise<number> {
  return server.metric('dwell_delayed_pending')
}
