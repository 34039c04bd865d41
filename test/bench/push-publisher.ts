// Publishes numbered delayed messages to many topics in turn, at a steady rate, in a process of its own.

import { setTimeout as sleep } from 'node:timers/promises'
import { HttpClient } from '../support/http-client.ts'
import { runLoad } from './load-process.ts'
import { textOf } from './numbered.ts'
import { clockStepMs, wallMs } from './wall-clock.ts'

export interface SpreadOptions {
  port: number
  /** Message n goes to topic `prefix` n % topics. */
  prefix: string
  topics: number
  count: number
  perSecond: number
  size: number
  /** Due so long after it is sent. */
  aheadMs: number
}

export interface SpreadResult {
  /** By number. */
  dueAtMs: Float64Array
  clockStepMs: number
}

const PACE_MS = 1

if (import.meta.main) await runLoad(publish)

async function publish(options: SpreadOptions, ready: () => void): Promise<SpreadResult> {
  const { port, prefix, topics, count, perSecond, size, aheadMs } = options
  const client = new HttpClient(port)
  const dueAtMs = new Float64Array(count)
  const sent: Promise<void>[] = []
  const send = async (n: number) => {
    dueAtMs[n] = Math.ceil(wallMs()) + aheadMs
    const body = { value: textOf(n, size), deliverAt: dueAtMs[n] }
    const answer = await client.call('POST', `/v1/topics/${prefix}${n % topics}/messages?results=none`, { body })
    if (answer.status !== 201) throw new Error(`publishing answers ${answer.status} ${answer.text.slice(0, 300)}`)
  }
  ready()
  const startMs = wallMs()
  for (let next = 0; next < count; await sleep(PACE_MS)) {
    const wanted = Math.min(count, ((wallMs() - startMs) / 1000) * perSecond)
    while (next + 1 <= wanted) sent.push(send(next++))
  }
  await Promise.all(sent)
  client.close()
  return { dueAtMs, clockStepMs: clockStepMs() }
}
