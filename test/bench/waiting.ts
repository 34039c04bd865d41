// Many calls of acquire that wait: how soon after a message is published each group has it, and what waiting costs. Every
// group gets every message once, its calls served in turns; a run in which that is not so ends with an error.

import { setTimeout as sleep } from 'node:timers/promises'
import { BenchServer } from './bench-server.ts'
import { LoadProcess } from './load-process.ts'
import { cpuMs, MemorySampler, residentMib } from './process-figures.ts'
import { printTable, quantile, type Row } from './table.ts'
import type { CallersOptions, CallersResult } from './waiting-callers.ts'
import { wallMs } from './wall-clock.ts'

const CALLS = 5_000
const GROUPS = [1, 500, 5_000]
const PARTITIONS = 4
/** What comes first is not counted: code that has not run yet is slow everywhere. */
const UNCOUNTED = 5
const MESSAGES = 20
const LOOK_MS = 50
/** So long nobody looks at the server after a message was published: what it does then is what is measured. */
const UNDISTURBED_MS = 400
const KIB = 1024

export async function waiting(): Promise<void> {
  const rows: Row[] = []
  for (const groups of GROUPS) rows.push(await row(groups))
  printTable(
    `${CALLS.toLocaleString('en-US')} calls of acquire wait`,
    `one topic of ${PARTITIONS} partitions, the calls spread over its groups, a connection each, in one other process; ` +
      `${MESSAGES} messages, one after the other; a waking takes from sending the publish to having the record parsed; each is accepted`,
    rows,
  )
}

async function row(groups: number): Promise<Row> {
  const server = await BenchServer.start()
  const memory = new MemorySampler(() => server.process.pid)
  try {
    await server.call('PUT', '/v1/topics/orders', { partitions: PARTITIONS })
    await server.call('POST', '/v1/topics/orders/messages', { value: 'to be warm' })
    const beforeMib = residentMib(server.process.pid)
    const messages = UNCOUNTED + MESSAGES
    const options: CallersOptions = { port: server.port, topic: 'orders', groups, calls: CALLS }
    const callers = new LoadProcess<CallersResult>('waiting-callers.ts', options)
    try {
      await callers.ready
      await allWait(server)
      const waitingMib = residentMib(server.process.pid)
      const startCpuMs = cpuMs(server.process.pid)
      const answersMs: number[] = []
      for (let n = 0; n < messages; n++) {
        const sentMs = wallMs()
        await server.call('POST', '/v1/topics/orders/messages', { value: { n, sentMs } })
        answersMs.push(wallMs() - sentMs)
        await sleep(UNDISTURBED_MS)
        await allWait(server)
      }
      const cpu = cpuMs(server.process.pid) - startCpuMs
      callers.tell({})
      const result = await callers.result
      check(result, groups, messages)
      const wakings = result.wakings.filter(({ n }) => n >= UNCOUNTED).map(({ tookMs }) => tookMs)
      wakings.sort((a, b) => a - b)
      answersMs.splice(0, UNCOUNTED)
      answersMs.sort((a, b) => a - b)
      return {
        groups,
        wakings: wakings.length,
        'publish ms: p50': quantile(answersMs, 0.5),
        'woken ms: p50': quantile(wakings, 0.5),
        p99: quantile(wakings, 0.99),
        max: wakings[wakings.length - 1],
        'server CPU ms/message': cpu / messages,
        'callers’ loop late, p99 ms': result.loopP99Ms,
        'VmRSS MiB: before': beforeMib,
        waiting: waitingMib,
        most: memory.takeMostMib(),
        'KiB/call': ((waitingMib - beforeMib) * KIB) / CALLS,
      }
    } finally {
      callers.kill()
    }
  } finally {
    memory.stop()
    await server.stop()
  }
}

async function allWait(server: BenchServer): Promise<void> {
  while ((await server.metric('dwell_acquires_waiting')) < CALLS) await sleep(LOOK_MS)
}

/** Each group has each message once, and no call was served again before all others of its group were. */
function check({ wakings, served }: CallersResult, groups: number, messages: number): void {
  const had = new Set(wakings.map(({ group, n }) => `${group} ${n}`))
  if (had.size !== groups * messages || wakings.length !== had.size) {
    throw new Error(`${wakings.length} records came, ${had.size} different ones, instead of ${groups * messages}`)
  }
  const turns = (messages * groups) / CALLS
  const unfair = served.find((count) => count < Math.floor(turns) || count > Math.ceil(turns))
  if (unfair !== undefined) throw new Error(`a call was served ${unfair} times in ${turns} turns of its group`)
}
