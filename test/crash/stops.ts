// npm run stops: SIGTERM under full load, again and again, on one data directory:
//
//   npm run stops -- [--rounds 50] [--connections 64] [--seconds 1]
//
// Of every round: the process ends with 0 within its grace; calls of acquire that wait are answered; a request that was under way
// is answered, and nobody is refused or reset before the stop. Afterwards every message that was acknowledged, at once or with a
// delay, is delivered.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { DwellProcess } from '../support/dwell-process.ts'
import { HttpClient } from '../support/http-client.ts'

const GRACE_MS = 10_000
const WAITING_CALLS = 8
/** What was begun so shortly before the signal may not have reached the process when it closed its connections. */
const UNSURE_MS = 25
const DELAY_MS = 2_000
const ACQUIRE_MAX = 1_000

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    connections: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '1' },
  },
})
const rounds = Number(flags.rounds)
const connections = Number(flags.connections)
const loadMs = Number(flags.seconds) * 1000

const work = mkdtempSync(join(tmpdir(), 'dwell-stops-'))
/** Numbers of the messages that were answered with success. */
const acknowledged = new Set<number>()
let next = 0

interface Failure {
  begunMs: number
  why: string
}

async function main(): Promise<void> {
  const tookMs: number[] = []
  for (let round = 1; round <= rounds; round++) tookMs.push(await oneRound(round))
  const { size } = acknowledged
  const missing = await notDelivered()
  tookMs.sort((a, b) => a - b)
  const middle = Math.round(tookMs[tookMs.length >> 1])
  console.log(
    `${rounds} stops under ${connections} connections: ${size} messages acknowledged, ${missing} of them lost; ` +
      `a stop takes ${middle} ms, at most ${Math.round(tookMs[tookMs.length - 1])} ms`,
  )
  if (missing > 0) throw new Error('messages are lost')
}

/** How long the stop took. */
async function oneRound(round: number): Promise<number> {
  const server = await start()
  const client = new HttpClient(server.port, connections + WAITING_CALLS)
  const failures: Failure[] = []
  let isOver = false
  const publishers = Array.from({ length: connections }, async () => {
    while (!isOver) {
      const begunMs = performance.now()
      const number = next++
      const body = { value: number, delay: number % 2 === 0 ? 0 : DELAY_MS }
      try {
        const { status, text } = await client.call('POST', '/v1/topics/orders/messages', { body })
        if (status === 201) acknowledged.add(number)
        else failures.push({ begunMs, why: `${status} ${text}` })
      } catch (error) {
        failures.push({ begunMs, why: (error as Error).message })
        if (server.running) await sleep(5)
        else return
      }
    }
  })
  await client.call('PUT', '/v1/topics/quiet', { body: { partitions: 1 } })
  const waiting = Array.from({ length: WAITING_CALLS }, () =>
    client.call('POST', '/v1/topics/quiet/groups/g/acquire', { body: { wait: '30s' } }).then(
      ({ status, json }) =>
        status === 200 && (json as { records: unknown[] }).records.length === 0 ? '' : `${status}`,
      (error) => (error as Error).message,
    ),
  )
  await sleep(loadMs)
  const signalMs = performance.now()
  const { code, signal } = await server.stop()
  const tookMs = performance.now() - signalMs
  isOver = true
  await Promise.all(publishers)
  const unanswered = (await Promise.all(waiting)).filter((why) => why !== '')
  client.close()
  const early = failures.filter(({ begunMs }) => begunMs < signalMs - UNSURE_MS)
  const wrong = [
    ...(code === 0 ? [] : [`it ended with ${code ?? signal}`]),
    ...(tookMs <= GRACE_MS ? [] : [`it took ${tookMs} ms`]),
    ...unanswered.map((why) => `a call that waited got: ${why}`),
    ...early.map(({ why, begunMs }) => `begun ${Math.round(signalMs - begunMs)} ms before the signal: ${why}`),
  ]
  if (wrong.length > 0) throw new Error(`round ${round}: ${wrong.slice(0, 5).join('; ')}`)
  return tookMs
}

function start(): Promise<DwellProcess> {
  return DwellProcess.start({ dataDirectory: join(work, 'data'), logPath: join(work, 'log') })
}

/** Consumes all that there is, and answers how many acknowledged messages are not among it. */
async function notDelivered(): Promise<number> {
  const server = await start()
  const group = '/v1/topics/orders/groups/all'
  try {
    for (;;) {
      const { json } = await server.client.call('POST', `${group}/acquire`, {
        body: { max: ACQUIRE_MAX, wait: `${2 * DELAY_MS}ms` },
        timeoutMs: 60_000,
      })
      const { records } = json as { records: { value: number; receipt: string }[] }
      if (records.length === 0) return acknowledged.size
      for (const { value } of records) acknowledged.delete(value)
      const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'accept' }))
      await server.client.call('POST', `${group}/acknowledge`, { body: { acknowledgements } })
    }
  } finally {
    await server.stop()
  }
}

try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
} finally {
  rmSync(work, { recursive: true, force: true })
}
