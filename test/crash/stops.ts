// npm run stops: SIGTERM under full load, again and again, on one data directory:
//
//   npm run stops -- [--rounds 50] [--connections 64] [--seconds 1]
//
// Of every round: the process ends with 0 within its grace and cuts nothing off; what was begun before the signal is answered;
// calls of acquire that wait and uploads under way are answered; idle connections are closed. Every second round has a
// DWELL_STOP_DELAY, and publishers that leave when /readyz tells them to, as behind a load balancer: none of them is refused anything. Over all rounds: every message that was acknowledged, at once or with a
// delay, is delivered; every message is pushed once, and every dead letter redriven once, whatever was under way. And it counts
// the requests that had a connection and got no answer, of clients that come back as fast as they can.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { DwellProcess } from '../support/dwell-process.ts'
import { HttpClient } from '../support/http-client.ts'
import {
  acquirers,
  DELAY_MS,
  idleConnections,
  Numbers,
  Publishers,
  Receiver,
  Resets,
  redrive,
  redriven,
  uploads,
  waitingCalls,
} from './stop-load.ts'

const GRACE_MS = 10_000
const STOP_DELAY_MS = 1_000
/** The second half of an upload comes so long after the port was closed. */
const UPLOAD_MS = 200
const ACQUIRE_MAX = 1_000
/** Connections beside those of the publishers. */
const MORE_CONNECTIONS = 24

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
const logPath = join(work, 'log')
const numbers = new Numbers()
const receiver = new Receiver()
const resets = new Resets()

async function main(): Promise<void> {
  await receiver.listen()
  const tookMs: { delayed: number[]; atOnce: number[] } = { delayed: [], atOnce: [] }
  for (let round = 1; round <= rounds; round++) {
    const delayMs = round % 2 === 0 ? STOP_DELAY_MS : 0
    tookMs[delayMs > 0 ? 'delayed' : 'atOnce'].push(await oneRound(round, delayMs))
  }
  const { size } = numbers.acknowledged
  const server = await start(0)
  const missing = await notDelivered(server.client)
  const pushes = await receiver.wrong()
  const redrives = { missing: 0, repeated: 0 }
  for (let round = 1; round <= rounds; round++) {
    const { missing, repeated } = await redriven(server.client, round)
    redrives.missing += missing
    redrives.repeated += repeated
  }
  await server.stop()
  console.log(
    `${rounds} stops under ${connections} connections: ${size} messages acknowledged, ${missing} of them lost; ` +
      `${pushes.pushed} pushed, ${pushes.missing} missing, ${pushes.repeated} pushed again; ` +
      `dead letters redriven: ${redrives.missing} missing, ${redrives.repeated} twice; ` +
      `${resets.fresh} requests reset on new connections, ${resets.reused} on used ones; ` +
      `a stop takes ${spread(tookMs.atOnce)}, with a delay of ${STOP_DELAY_MS} ms ${spread(tookMs.delayed)}`,
  )
  if (missing + pushes.missing + pushes.repeated + redrives.missing + redrives.repeated > 0)
    throw new Error('messages are lost, or came twice')
}

function spread(tookMs: number[]): string {
  const sorted = tookMs.toSorted((a, b) => a - b)
  return `${Math.round(sorted[sorted.length >> 1])} ms, at most ${Math.round(sorted.at(-1) ?? 0)} ms`
}

/** How long the stop took. */
async function oneRound(round: number, delayMs: number): Promise<number> {
  const server = await start(delayMs)
  await receiver.load(server.client)
  await redrive(server.client, round)
  const client = new HttpClient(server.port, connections + MORE_CONNECTIONS)
  const waiting = await waitingCalls(client)
  const acquiring = acquirers(client, resets)
  const idle = idleConnections(server.port)
  const publishers = new Publishers(client, connections, numbers, resets)
  await sleep(loadMs)
  const uploading = await uploads(server.port, numbers)
  const signalMs = performance.now()
  const leaving = delayMs > 0 ? publishers.leaveWhenNotReady(client) : undefined
  const exiting = server.stop()
  const uploaded = uploading(delayMs + UPLOAD_MS)
  const { code, signal } = await exiting
  const tookMs = performance.now() - signalMs
  await leaving
  const wrong = [
    ...(code === 0 ? [] : [`it ended with ${code ?? signal}`]),
    ...(tookMs <= GRACE_MS ? [] : [`it took ${tookMs} ms`]),
    ...(readFileSync(logPath, 'utf8').includes('cut off') ? ['something was cut off'] : []),
    ...(await publishers.wrong(signalMs, delayMs > 0 ? Number.POSITIVE_INFINITY : signalMs)),
    ...(await waiting()),
    ...(await uploaded),
    ...(await idle()),
  ]
  await acquiring()
  client.close()
  if (wrong.length > 0) throw new Error(`round ${round}: ${wrong.slice(0, 5).join('; ')}`)
  return tookMs
}

function start(delayMs: number): Promise<DwellProcess> {
  const settings = { DWELL_STOP_DELAY: `${delayMs}ms`, DWELL_PUSH_ALLOWED_HOSTS: '127.0.0.1' }
  return DwellProcess.start({ dataDirectory: join(work, 'data'), logPath, settings })
}

/** Consumes all that there is, and answers how many acknowledged messages are not among it. */
async function notDelivered(client: HttpClient): Promise<number> {
  const group = '/v1/topics/orders/groups/all'
  const { acknowledged } = numbers
  for (;;) {
    const { json } = await client.call('POST', `${group}/acquire`, {
      body: { max: ACQUIRE_MAX, wait: `${2 * DELAY_MS}ms` },
      timeoutMs: 60_000,
    })
    const { records } = json as { records: { value: number; receipt: string }[] }
    if (records.length === 0) return acknowledged.size
    for (const { value } of records) acknowledged.delete(value)
    const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'accept' }))
    await client.call('POST', `${group}/acknowledge`, { body: { acknowledgements } })
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
