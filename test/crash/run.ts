// npm run crash: a real server under mixed load is killed with SIGKILL again and again, at random moments and at named
// points, and started again, while somebody steps its wall clock; then the checker decides whether what clients were told
// still holds.
//
//   --rounds 30         how often it is killed
//   --seed N            repeats the choices of an earlier run (the interleaving is the machine's)
//   --seconds 1.5       how long a round runs at most
//   --disk mixed        system, write-back (a kill is a power cut) or mixed: each round one of them
//   --slow MS           how slow the disk is; otherwise a third of the servers has one of 2 ms
//   --root DIR          the tree to run in place of this one
//   --keep              keeps the working folder also when there is no violation; --discard never keeps it

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Checked, check } from '../checker/checker.ts'
import type { Violation } from '../checker/findings.ts'
import { History } from '../checker/history.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { sleep } from './caller.ts'
import { readFinalState } from './final-state.ts'
import { lookAtAll } from './look-at-all.ts'
import { Machine, SETTLE_MS } from './machine.ts'
import { Points, REQUIRED_POINTS, SELDOM_POINTS } from './points.ts'
import { PUSH_TIMEOUT_MS, PushEndpoint } from './push-endpoint.ts'
import { lookUp, scrape } from './reading.ts'
import { printPoints, printTable, printViolations } from './report.ts'
import { GROUPS, type GroupPlan, TOPICS, type TopicPlan } from './topics.ts'
import { Workload } from './workload.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '30' },
    seed: { type: 'string' },
    seconds: { type: 'string', default: '1.5' },
    disk: { type: 'string', default: 'mixed' },
    slow: { type: 'string' },
    root: { type: 'string' },
    keep: { type: 'boolean', default: false },
    discard: { type: 'boolean', default: false },
  },
})
const rounds = Number(flags.rounds)
const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(flags.seed)

const WHEEL_SECONDS = 6
/** A full run must pass all required points, a long one the seldom ones too; a short one may be too short for it. */
const FULL_ROUNDS = 20
const LONG_ROUNDS = 100
/** The first start of all dies at so many points, one after the other: some are never passed again. */
const FIRST_DEATHS = 40
/** Every so many rounds it is asked to stop, and may die on the way. */
const STOP_ROUNDS = 5
const STOP_POINTS = / remove owner$/
/** Every so many rounds a write of the log fails. */
const FAILING_ROUNDS = 7
/** Messages of each of two topics that wait while everything is looked at. */
const FAR_MESSAGES = 40
/** Every so many rounds the recovery is killed ten times in a row. */
const STREAK_ROUNDS = 25
const STREAK = 10
const STREAK_POINTS_MAX = 60
/** So many servers die while they start before one is spared. */
const DEATHS_A_ROUND = 3

const beganMs = Date.now()
const work = mkdtempSync(join(tmpdir(), 'dwell-crash-'))
const random = new SeededRandom(seed)
const points = new Points(join(work, 'points'))
const violations: Violation[] = []
const history = new History(join(work, 'history.jsonl'))
const machine = await Machine.create({
  work,
  history,
  random: random.fork(),
  wheelSeconds: WHEEL_SECONDS,
  disk: flags.disk,
  slow: flags.slow,
  root: flags.root ?? join(import.meta.dirname, '..', '..'),
  complain,
})

console.log(`crash: seed ${seed}, ${rounds} rounds, disk ${flags.disk}, in ${work}`)
const endpoint = await PushEndpoint.open(history, random.fork())
const workload = new Workload({
  history,
  random: random.fork(),
  publishers: 5,
  endpoint,
  wheelMs: WHEEL_SECONDS * 1000,
})

let checked: Checked | undefined
try {
  for (let point = 1; rounds >= FULL_ROUNDS && point <= FIRST_DEATHS; point++) {
    await machine.startOrDie({ '*': point }, true)
  }
  await machine.start()
  await prepare()
  workload.start(machine.server.client)
  for (let round = 1; round <= rounds; round++) await playRound(round)
  await machine.clock.step(machine.server, 0)
  await comeToRest()
  const final = await readFinalState(machine.server.client, history, workload.delayed)
  await settleDown()
  const again = await readFinalState(machine.server.client, history, workload.delayed)
  await workload.publishFar(FAR_MESSAGES)
  await machine.stop()
  await machine.startStill()
  const { client } = machine.server
  const { dataDirectory } = machine
  await lookAtAll({
    client,
    history,
    dataDirectory,
    topics: Object.keys(TOPICS),
    groups: GROUPS,
    delayed: workload.delayed,
  })
  await Promise.all(workload.delayed.slice(-2 * FAR_MESSAGES).map((one) => lookUp(client, history, one)))
  await scrape(client, history)
  await machine.stop()
  if (JSON.stringify(again) !== JSON.stringify(final)) {
    complain('answers changed', `a restart changed what is read: ${firstDifference(final, again)}`)
  }
  checked = check(history.events, final, { retryMs: [], settleMs: SETTLE_MS })
  violations.push(...checked.violations)
} catch (error) {
  complain('the run broke off', (error as Error).stack ?? String(error))
  await machine.kill()
}
history.close()
report()
// What still waits in the workload is of no use any more.
process.exit()

/** Stops publishing and waits until nothing comes; a server that ends meanwhile is a violation, and started again. */
async function comeToRest(): Promise<void> {
  const drained = workload.drain().then(() => undefined)
  for (let ends = 0; ends < 5; ends++) {
    const exit = await Promise.race([drained, machine.server.exited])
    if (exit === undefined) return
    workload.pause()
    complain('ended by itself', `code ${exit.code}, signal ${exit.signal}, while coming to rest`)
    await machine.start()
    workload.resume(machine.server.client)
  }
  throw new Error('the server ends again and again')
}

/** Lets the server live until it dies where it was told to, or its time is over; then starts the next one. */
async function playRound(round: number): Promise<void> {
  const lifeMs = Number(flags.seconds) * 1000 * (machine.isFated ? 1 : random.between(20, 100) / 100)
  const stepping = stepClock(Date.now() + lifeMs)
  const died = await Promise.race([machine.server.exited, sleep(lifeMs)])
  workload.pause()
  await stepping
  if (died === undefined && round % STOP_ROUNDS === 0) await machine.stop()
  else await machine.end(died)
  if (round % 8 === 4) forgetDerived()
  if (round === rounds) await machine.start()
  else if (round % FAILING_ROUNDS === 0) await machine.startFailing()
  else {
    for (let i = 0; round % STREAK_ROUNDS === 0 && i < STREAK; i++) {
      await machine.startOrDie({ '*': random.between(1, STREAK_POINTS_MAX) })
    }
    // Who will be stopped dies only at what nobody else passes. Of the others a third is killed at a random moment.
    const among = (round + 1) % STOP_ROUNDS === 0 ? STOP_POINTS : undefined
    const fates = () => (among !== undefined || random.chance(0.7) ? points.choose(random, among) : {})
    for (let deaths = 0; !(await machine.live(deaths < DEATHS_A_ROUND ? fates() : {})); deaths++);
  }
  workload.resume(machine.server.client)
}

/** Steps the clock now and then, until the server is gone or its time over. */
async function stepClock(untilMs: number): Promise<void> {
  const { server } = machine
  for (;;) {
    await sleep(Math.max(0, Math.min(random.between(50, 1_200), untilMs - Date.now())))
    if (!server.running || Date.now() >= untilMs) return
    await machine.clock.stepSomehow(server, random)
  }
}

async function prepare(): Promise<void> {
  for (const [topic, { weight, partitionsMax, ...settings }] of Object.entries<TopicPlan>(TOPICS)) {
    await expectSuccess(`/v1/topics/${topic}`, settings)
  }
  for (const plan of GROUPS) await makeGroup(plan)
}

async function makeGroup({
  topic,
  group,
  retries: [retry],
  order,
  perMinuteMax,
  pushed,
  moved,
}: GroupPlan): Promise<void> {
  const path = `/v1/topics/${topic}/groups/${group}`
  const op = history.invoke('configure', { topic, group, to: { retryMs: retry, order } })
  await expectSuccess(path, {
    retry,
    lock: '1s',
    ...(order && { order }),
    ...(perMinuteMax && { deadLetters: { perMinuteMax } }),
    ...(pushed && {
      push: { url: endpoint.urlOf({ topic, group }), concurrency: 8, timeout: PUSH_TIMEOUT_MS, pauseAfter: 25 },
    }),
  })
  history.ok(op, 'configure', { done: true })
  // That it is moved, the checker knows from the beginning.
  if (moved) history.ok(history.invoke('reset', { topic, group, to: 'earliest' }), 'reset', {})
}

async function expectSuccess(path: string, body: unknown): Promise<void> {
  const answer = await machine.server.client.call('PUT', path, { body })
  if (answer.status >= 300) throw new Error(`PUT ${path}: ${answer.status} ${answer.text}`)
}

/** Between a kill and a start: all that is derived is deleted, overflow is kept. */
function forgetDerived(): void {
  machine.count('slots and indexes deleted')
  for (const name of readdirSync(machine.dataDirectory, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.slot') || /(^|\/)index$/.test(name))
      rmSync(join(machine.dataDirectory, name), { recursive: true, force: true })
  }
}

/** A last kill and start: what was read must not change, and nobody gets anything any more. */
async function settleDown(): Promise<void> {
  await machine.kill()
  await machine.start()
  for (const { topic, group, pushed } of GROUPS) {
    if (pushed) continue
    const path = `/v1/topics/${topic}/groups/${group}/acquire`
    const answer = await machine.server.client.call('POST', path, { body: { max: 10, wait: 0 } })
    const { records } = answer.json as { records: unknown[] }
    if (records.length > 0)
      complain('delivered after the end', `${topic}.${group}: ${JSON.stringify(records).slice(0, 300)}`)
  }
}

function report(): void {
  // 503 says that nothing happened and to come again, 507 that there is no room to publish; any other failure, and any
  // refusal of this load, is a fault.
  const refused = history.events.flatMap((event) => {
    if (event.kind !== 'fail' && event.kind !== 'info') return []
    const isRight = /^507 .*DISK_LOW/.test(event.value)
      ? ['publish', 'alter', 'reschedule'].includes(event.call)
      : !/^(4|50[^3]|5[^0])/.test(event.value)
    return isRight ? [] : [event]
  })
  for (const { op, call, value } of refused.slice(0, 5)) complain('refused', `operation ${op}, ${call}: ${value}`)
  // No byte of a slot is ever damaged here: what a power cut can take, nobody relies on.
  const derived = readFileSync(machine.logPath, 'utf8')
    .split('\n')
    .filter((line) => line.includes('A slot file cannot be read'))
  for (const line of derived.slice(0, 5)) complain('slot damaged', line)
  const passed = points.counts()
  const required =
    rounds < FULL_ROUNDS ? [] : rounds < LONG_ROUNDS ? REQUIRED_POINTS : [...REQUIRED_POINTS, ...SELDOM_POINTS]
  for (const point of required) {
    if (!passed.some((one) => one.point === point)) complain('point never passed', point)
  }
  if (checked) printTable('counts', Object.entries(checked.counts))
  printTable('deaths', [...Object.entries(machine.counts), ['steps of the wall clock', machine.clock.steps]])
  printPoints(passed)
  const sorted = machine.readyMs.toSorted((a, b) => a - b)
  console.log(
    `\nready after start: median ${Math.round(sorted[sorted.length >> 1])} ms, most ${Math.round(sorted[sorted.length - 1])} ms, ${sorted.length} starts`,
  )
  const tookSeconds = Math.round((Date.now() - beganMs) / 1000)
  console.log(`${workload.messages} messages, ${history.events.length} events, seed ${seed}, ${tookSeconds} s`)
  if (violations.length === 0) {
    if (!flags.keep) rmSync(work, { recursive: true, force: true })
    console.log('no violation')
    return
  }
  printViolations(violations)
  const errors = readFileSync(machine.logPath, 'utf8')
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

function firstDifference(a: object, b: object): string {
  const one = JSON.stringify(a)
  const other = JSON.stringify(b)
  let i = 0
  while (one[i] === other[i]) i++
  return `…${one.slice(Math.max(0, i - 80), i + 80)}… and …${other.slice(Math.max(0, i - 80), i + 80)}…`
}
