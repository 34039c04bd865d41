// npm run crash: a real server under mixed load is killed with SIGKILL again and again, at random moments and at named
// points, and started again; then the checker decides whether what clients were told still holds.
//
//   --rounds 30         how often it is killed
//   --seed N            repeats the choices of an earlier run (the interleaving is the machine's)
//   --seconds 2.5       how long a round runs at most
//   --disk mixed        system, write-back (a kill is a power cut) or mixed: each round one of them
//   --slow MS           how slow the disk is; otherwise a third of the servers has one of 2 ms
//   --root DIR          the tree to run in place of this one
//   --keep              keeps the working folder also when there is no violation; --discard never keeps it

import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DwellProcess, EndedEarly, freePort } from '../support/dwell-process.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { type Checked, check, type Violation } from './checker.ts'
import { readFinalState } from './final-state.ts'
import { History } from './history.ts'
import { type Fate, Points, REQUIRED_POINTS } from './points.ts'
import { GROUPS, RETRY_TIERS, TOPICS, Workload } from './workload.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '30' },
    seed: { type: 'string' },
    seconds: { type: 'string', default: '2.5' },
    disk: { type: 'string', default: 'mixed' },
    slow: { type: 'string' },
    root: { type: 'string' },
    keep: { type: 'boolean', default: false },
    discard: { type: 'boolean', default: false },
  },
})
const rounds = Number(flags.rounds)
const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(flags.seed)
const root = flags.root ?? join(import.meta.dirname, '..', '..')

const WHEEL_SECONDS = 6
/** Small, so that everything that happens seldom happens here: slots are flushed, segments roll, journals recycle. */
const SETTINGS = {
  DWELL_WHEEL_SLOTS: String(WHEEL_SECONDS),
  DWELL_WHEEL_WINDOW: '2s',
  DWELL_WHEEL_MEMORY_BYTES: '64KiB',
  DWELL_CHECKPOINT_INTERVAL: '400ms',
  DWELL_SEGMENT_BYTES: '64KiB',
  DWELL_JOURNAL_FILE_BYTES: '1MiB',
  DWELL_LOG_LEVEL: 'info',
}
const READY_MS_MAX = 5_000
/** A full run must pass all required points; a short one may be too short for it. */
const FULL_ROUNDS = 20

const work = mkdtempSync(join(tmpdir(), 'dwell-crash-'))
const dataDirectory = join(work, 'data')
const logPath = join(work, 'server.log')
const pointsPath = join(work, 'points')
const random = new SeededRandom(seed)
const points = new Points(pointsPath)
const port = await freePort()
const violations: Violation[] = []
const readyMs: number[] = []
const deaths: Record<string, number> = {}

console.log(`crash: seed ${seed}, ${rounds} rounds, disk ${flags.disk}, in ${work}`)
const history = new History(join(work, 'history.jsonl'))
const workload = new Workload({
  history,
  random: random.fork(),
  publishers: 5,
  consumersPerGroup: 2,
  wheelMs: WHEEL_SECONDS * 1000,
})

let fate: Fate | undefined
let server = await start(undefined)
let checked: Checked | undefined
try {
  await prepare()
  workload.start(server.client)
  for (let round = 1; round <= rounds; round++) await playRound(round)
  await comeToRest()
  const final = await readFinalState(server.client, workload.delayed)
  await settleDown()
  const again = await readFinalState(server.client, workload.delayed)
  await server.stop()
  if (JSON.stringify(again) !== JSON.stringify(final)) {
    complain('answers changed', `a restart changed what is read: ${firstDifference(final, again)}`)
  }
  checked = check(history.events, final, { tiers: RETRY_TIERS.length })
  violations.push(...checked.violations)
} catch (error) {
  complain(
    'the run broke off',
    error instanceof EndedEarly ? error.message.replaceAll('\n', ' ') : ((error as Error).stack ?? String(error)),
  )
  if (server.running) await server.kill()
}
await history.close()
report()
// What still waits in the workload is of no use any more.
process.exit()

/** Stops publishing and waits until nothing comes; a server that ends meanwhile is a violation, and started again. */
async function comeToRest(): Promise<void> {
  const drained = workload.drain().then(() => undefined)
  for (let ends = 0; ends < 5; ends++) {
    const exit = await Promise.race([drained, server.exited])
    if (exit === undefined) return
    workload.pause()
    complain('ended by itself', `code ${exit.code}, signal ${exit.signal}, while coming to rest`)
    server = await start(undefined)
    workload.resume(server.client)
  }
  throw new Error('the server ends again and again')
}

/** Lets the server live until it dies where it was told to, or its time is over; then starts the next one. */
async function playRound(round: number): Promise<void> {
  const lifeMs = fate ? Number(flags.seconds) * 1000 : random.between(200, Number(flags.seconds) * 1000)
  const died = await Promise.race([server.exited, sleep(lifeMs)])
  workload.pause()
  if (died === undefined) count(fate ? 'killed before its point was reached' : 'killed at a random moment')
  else if (fate && died.signal === 'SIGKILL') count('died at a named point')
  else complain('ended by itself', `code ${died.code}, signal ${died.signal}`)
  await server.kill()
  if (round % 8 === 4) forgetDerived()
  fate = round % 3 === 0 || round === rounds ? undefined : points.choose(random, readyMs.length)
  server = await startOrDie(fate)
  workload.resume(server.client)
}

/** Starts a server that may die while it recovers; then another, that does not. */
async function startOrDie(fatal: Fate | undefined): Promise<DwellProcess> {
  try {
    return await start(fatal)
  } catch (error) {
    if (!(error instanceof EndedEarly) || error.exit.signal !== 'SIGKILL' || fatal === undefined) throw error
    count('died at a named point in recovery')
    fate = undefined
    return start(undefined)
  }
}

async function start(fatal: Fate | undefined): Promise<DwellProcess> {
  const disk = flags.disk === 'mixed' ? random.pick(['system', 'write-back']) : (flags.disk as string)
  const slowMs = flags.slow ?? random.pick(['0', '0', '2'])
  const program = ['test/crash/server.ts', '--disk', disk, '--slow', slowMs, '--points', pointsPath]
  if (fatal) program.push('--die-at', fatal.point, '--hit', String(fatal.hit))
  appendFileSync(logPath, `--- ${program.join(' ')}\n`)
  const started = await DwellProcess.start({ dataDirectory, logPath, program, port, root, settings: SETTINGS })
  readyMs.push(started.readyMs)
  if (started.readyMs > READY_MS_MAX) complain('slow start', `ready after ${Math.round(started.readyMs)} ms`)
  return started
}

async function prepare(): Promise<void> {
  for (const [topic, partitions] of Object.entries(TOPICS)) {
    await expectSuccess('PUT', `/v1/topics/${topic}`, { partitions })
  }
  for (const { topic, group } of GROUPS) {
    await expectSuccess('PUT', `/v1/topics/${topic}/groups/${group}`, { retry: RETRY_TIERS })
  }
}

async function expectSuccess(method: string, path: string, body: unknown): Promise<void> {
  const answer = await server.client.call(method, path, { body })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
}

/** Between a kill and a start: all that is derived is deleted, overflow is kept. */
function forgetDerived(): void {
  count('slots and indexes deleted')
  for (const name of readdirSync(dataDirectory, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.slot') || /(^|\/)index$/.test(name))
      rmSync(join(dataDirectory, name), { recursive: true, force: true })
  }
}

/** A last kill and start: what was read must not change, and nobody gets anything any more. */
async function settleDown(): Promise<void> {
  await server.kill()
  server = await start(undefined)
  for (const { topic, group } of GROUPS) {
    const answer = await server.client.call('POST', `/v1/topics/${topic}/groups/${group}/acquire`, {
      body: { max: 10, wait: 0 },
    })
    const { records } = answer.json as { records: unknown[] }
    if (records.length > 0)
      complain('delivered after the end', `${topic}.${group}: ${JSON.stringify(records).slice(0, 300)}`)
  }
}

function report(): void {
  // 503 says that nothing happened and to come again; any other failure, and any refusal of this load, is a fault.
  const refused = history.events.filter((event) => {
    return (event.kind === 'fail' || event.kind === 'info') && /^(4|50[^3]|5[^0])/.test(event.value)
  })
  for (const { op, value } of refused.slice(0, 5)) complain('refused', `operation ${op}: ${value}`)
  const passed = points.counts()
  if (rounds >= FULL_ROUNDS) {
    for (const point of REQUIRED_POINTS) {
      if (!passed.some((one) => one.point === point)) complain('point never passed', point)
    }
  }
  if (checked) table('counts', Object.entries(checked.counts))
  table('deaths', Object.entries(deaths))
  table(
    'points (passed, died there)',
    passed.map(({ point, passed, died }) => [point, `${passed}\t${died}`]),
  )
  const sorted = readyMs.toSorted((a, b) => a - b)
  console.log(
    `\nready after start: median ${Math.round(sorted[sorted.length >> 1])} ms, most ${Math.round(sorted[sorted.length - 1])} ms, ${sorted.length} starts`,
  )
  console.log(`${workload.messages} messages, ${history.events.length} events, seed ${seed}`)
  if (violations.length === 0) {
    if (!flags.keep) rmSync(work, { recursive: true, force: true })
    console.log('no violation')
    return
  }
  const byAnomaly = Map.groupBy(violations, ({ anomaly }) => anomaly)
  for (const [anomaly, all] of byAnomaly) {
    console.log(`\nVIOLATION ${anomaly}: ${all.length}`)
    for (const { what } of all.slice(0, 5)) console.log(`  ${what}`)
  }
  const errors = readFileSync(logPath, 'utf8')
    .split('\n')
    .filter((line) => /"level":"(error|fatal)"/.test(line))
  for (const line of errors.slice(0, 5)) console.log(`  server: ${line}`)
  if (flags.discard) rmSync(work, { recursive: true, force: true })
  console.log(`\n${violations.length} violations${flags.discard ? '' : `; everything is kept in ${work}`}`)
  process.exitCode = 1
}

function complain(anomaly: string, what: string): void {
  violations.push({ anomaly, what })
}

function count(name: string): void {
  deaths[name] = (deaths[name] ?? 0) + 1
}

function table(title: string, rows: [string, string | number][]): void {
  console.log(`\n${title}`)
  for (const [name, value] of rows) console.log(`  ${name.padEnd(44)} ${value}`)
}

function firstDifference(a: object, b: object): string {
  const one = JSON.stringify(a)
  const other = JSON.stringify(b)
  let i = 0
  while (one[i] === other[i]) i++
  return `…${one.slice(Math.max(0, i - 80), i + 80)}… and …${other.slice(Math.max(0, i - 80), i + 80)}…`
}

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined))
}
