// Cancels and reschedules by own id among very many pending, half of them racing their own dispatch, the server killed now
// and then if asked for: every answer and every outcome is held against the other.
//
// A tenth of the messages are cancelled and a tenth rescheduled. Afterwards each of these is looked up, the test clock is
// moved on until nothing is left, and the whole topic is read.

import { setTimeout as sleep } from 'node:timers/promises'
import { BenchServer } from './bench-server.ts'
import { ANSWERS, type ChangeLoadOptions, type ChangeLoadResult } from './change-load.ts'
import { disagreement, type Outcome } from './change-outcome.ts'
import { type ChangePlan, dueAtMs, endMs, isRacing, kindOf } from './change-plan.ts'
import { LoadProcess } from './load-process.ts'
import { ownIdOf } from './numbered.ts'
import { publishNumbered } from './numbered-publisher.ts'
import { forEachNumbered } from './pages.ts'
import { cpuShareSince } from './process-figures.ts'
import { printTable, quantile, type Row } from './table.ts'

const SIZE = 1024
const TARGET = { topic: 'orders', partitions: 4 }
/** Of racing ones, and of quiet ones: changes a second. */
const PACE = 1_000
const PUBLISHED_A_SECOND_MIN = 12_000
const LEAD_MS = 10_000
/** What was moved a little is dispatched by then, too. */
const REST_MS = 5_000
const STEP_MS = 600_000
const LOOKERS = 32
const SHOWN_MAX = 5

export async function changes(count: number, kills: number): Promise<void> {
  // Look-ups come after the race, however long that takes.
  const server = await BenchServer.start({ DWELL_TEST_CLOCK: 'true', DWELL_DEDUPLICATION_WINDOW: '1h' })
  try {
    await server.call('PUT', `/v1/topics/${TARGET.topic}`, { partitions: TARGET.partitions })
    const perKind = 2 * Math.floor(count / 20)
    const plan: ChangePlan = {
      count,
      changes: perKind,
      raceFromMs: Date.now() + LEAD_MS + Math.ceil((count / PUBLISHED_A_SECOND_MIN) * 1000),
      raceSpanMs: Math.ceil((perKind / PACE) * 1000),
    }
    const fill = { topic: TARGET.topic, size: SIZE, dueAtMs: (n: number) => dueAtMs(plan, n) }
    await publishNumbered(server, { ...fill, from: 0, to: 2 * perKind, ownIds: true })
    await publishNumbered(server, { ...fill, from: 2 * perKind, to: count })
    if (Date.now() > plan.raceFromMs - LEAD_MS / 2) throw new Error('publishing took longer than it was thought to')

    const options: ChangeLoadOptions = { port: server.port, topic: TARGET.topic, plan }
    const load = new LoadProcess<ChangeLoadResult>('change-load.ts', options)
    try {
      await load.ready
      const serverCpu = kills === 0 ? cpuShareSince(server.process.pid) : undefined
      await killNowAndThen(server, plan, kills)
      const result = await load.result
      const serverShare = serverCpu && `server ${serverCpu()} % of a core, `
      await sleep(REST_MS)
      const { rows, disagreements } = rowsOf(plan, result, await outcomesOf(server, plan, result))
      printTable(
        `changes among ${count} messages`,
        `by own id; ${Math.round((2 * perKind) / result.seconds)} a second, asked ${2 * PACE}; ${kills} kills; ` +
          `${serverShare ?? ''}load ${Math.round(result.cpuPercent)} %; ms of an answer; "disagree": answer, look-up and log`,
        rows,
      )
      for (const line of [...result.wrong, ...disagreements]) console.log(`  ${line}`)
      if (disagreements.length > 0) process.exitCode = 1
    } finally {
      load.kill()
    }
  } finally {
    await server.stop()
  }
}

async function killNowAndThen(server: BenchServer, { raceFromMs, raceSpanMs }: ChangePlan, kills: number) {
  for (let i = 1; i <= kills; i++) {
    await sleep(Math.max(0, raceFromMs + (raceSpanMs * i) / (kills + 1) - Date.now()))
    await server.restartAfterKill(server.port)
  }
}

async function outcomesOf(server: BenchServer, plan: ChangePlan, result: ChangeLoadResult): Promise<Outcome[]> {
  const changed = 2 * plan.changes
  const outcomes = Array.from({ length: plan.count }, (_, n): Outcome => {
    const answer = n < changed ? ANSWERS[result.answers[n]] : undefined
    const [answeredMs, grantedMs] = n < changed ? [result.answeredMs[n], result.grantedMs[n]] : [0, 0]
    return { answer, answeredMs, grantedMs, times: 0, partition: -1, offset: -1, timestampMs: 0, lookUp: undefined }
  })
  let next = 0
  const lookUp = async () => {
    while (next < changed) {
      const n = next++
      const { json } = await server.process.client.call('GET', `/v1/topics/${TARGET.topic}/delayed/${ownIdOf(n)}`)
      outcomes[n].lookUp = { state: 'unknown', ...(json as object) }
    }
  }
  await Promise.all(Array.from({ length: LOOKERS }, lookUp))
  for (let leftMs = endMs(plan) - Date.now(); leftMs > 0; leftMs -= STEP_MS) await server.advance(STEP_MS)
  await forEachNumbered(server.port, TARGET, (n, { partition, offset, timestampMs }) => {
    const outcome = outcomes[n]
    if (outcome === undefined) throw new Error(`offset ${offset} of partition ${partition} holds what nobody published`)
    if (outcome.times++ === 0) Object.assign(outcome, { partition, offset, timestampMs })
  })
  return outcomes
}

function rowsOf(plan: ChangePlan, { tookMs }: ChangeLoadResult, outcomes: Outcome[]) {
  const disagreements: string[] = []
  const parts = new Map<string, { counts: Record<string, number>; tookMs: number[] }>()
  for (let n = 0; n < plan.count; n++) {
    const kind = kindOf(plan, n)
    const what = kind === 'none' ? 'left alone' : `${kind}, ${isRacing(n) ? 'racing its dispatch' : 'due much later'}`
    let part = parts.get(what)
    if (part === undefined) parts.set(what, (part = { counts: { messages: 0, disagree: 0 }, tookMs: [] }))
    const { counts } = part
    counts.messages++
    const { answer } = outcomes[n]
    if (answer !== undefined) {
      counts[answer] = (counts[answer] ?? 0) + 1
      part.tookMs.push(tookMs[n])
    }
    const why = disagreement(plan, n, outcomes[n])
    if (why === undefined) continue
    counts.disagree++
    if (disagreements.length < SHOWN_MAX) disagreements.push(`${ownIdOf(n)} ${why}: ${JSON.stringify(outcomes[n])}`)
  }
  const rows = Array.from(parts, ([what, { counts, tookMs }]): Row => {
    tookMs.sort((a, b) => a - b)
    const times = tookMs.length > 0 && { 'p50 ms': quantile(tookMs, 0.5), 'p99 ms': quantile(tookMs, 0.99) }
    return { what, ...counts, ...times }
  })
  return { rows, disagreements }
}
