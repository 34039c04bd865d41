// Publishes numbered messages to one peer, in a process of its own: at a steady rate, or as fast as it is answered. A
// request that is slow holds none of the others up, until as many are under way as are allowed: then the rate is not kept,
// and the table says which one was.

import { setTimeout as sleep } from 'node:timers/promises'
import { runLoad } from '../load-process.ts'
import { scattered } from '../numbered.ts'
import { clockStepMs, wallMs } from '../wall-clock.ts'
import type { Planned } from './peer.ts'
import { peerNamed } from './peers.ts'

export interface PublisherOptions {
  peer: string
  port: number
  /** Another one than usual. */
  topic?: string
  /** Messages `from` … `from + count - 1`. */
  from: number
  count: number
  size: number
  /** Messages a request. */
  messages: number
  /** Requests under way at most. */
  underWay: number
  /** As fast as it is answered when absent. */
  perSecond?: number
  /** Due so long after it is sent, or within so long from a time on; at once when absent. */
  due?: { aheadMs: number; spanMs: number } | { atMs: number; spanMs: number }
}

/** By number, from `from` on. */
export interface PublisherResult {
  dueAtMs: Float64Array
  notBeforeMs: Float64Array
  sentMs: Float64Array
  seconds: number
  clockStepMs: number
}

const PACE_MS = 1

if (import.meta.main) await runLoad(publish)

async function publish(options: PublisherOptions, ready: () => void): Promise<PublisherResult> {
  const {
    peer,
    port,
    topic,
    from,
    count,
    size,
    messages,
    underWay,
    perSecond = Number.POSITIVE_INFINITY,
    due,
  } = options
  const client = peerNamed(peer).connect(port, topic)
  const dueAtMs = new Float64Array(count)
  const notBeforeMs = new Float64Array(count)
  const sentMs = new Float64Array(count)
  let next = 0
  let pending = 0
  let failure: unknown
  let answered = Promise.withResolvers<void>()

  const send = async (first: number, planned: Planned[]) => {
    pending++
    try {
      const dues = await client.publish(planned, size)
      for (let i = 0; i < dues.length; i++) {
        dueAtMs[first + i] = dues[i].dueAtMs
        notBeforeMs[first + i] = dues[i].notBeforeMs
      }
    } catch (error) {
      failure ??= error
    }
    pending--
    answered.resolve()
    answered = Promise.withResolvers()
  }

  ready()
  const startMs = wallMs()
  while (next < count || pending > 0) {
    const nowMs = wallMs()
    const wanted = Math.min(
      count,
      perSecond === Number.POSITIVE_INFINITY ? count : ((nowMs - startMs) / 1000) * perSecond,
    )
    while (next < count && pending < underWay && next + Math.min(messages, count - next) <= wanted) {
      const first = next
      const planned: Planned[] = []
      for (; next < count && planned.length < messages; next++) {
        const n = from + next
        sentMs[next] = nowMs
        planned.push({ n, dueAtMs: due && dueOf(n, due, nowMs) })
      }
      void send(first, planned)
    }
    if (next < count && pending < underWay) await sleep(PACE_MS)
    else await answered.promise
    if (failure !== undefined) throw failure
  }
  return { dueAtMs, notBeforeMs, sentMs, seconds: (wallMs() - startMs) / 1000, clockStepMs: clockStepMs() }
}

function dueOf(n: number, due: NonNullable<PublisherOptions['due']>, nowMs: number): number {
  const baseMs = 'atMs' in due ? due.atMs : Math.ceil(nowMs) + due.aheadMs
  return baseMs + scattered(n, due.spanMs)
}
