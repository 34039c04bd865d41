// Publishes numbered delayed messages to Dwell, as many and as fast as it takes them.

import type { BenchServer } from './bench-server.ts'
import { NumberedLines } from './numbered.ts'

export interface NumberedFill {
  topic: string
  /** Messages `from` … `to - 1`. */
  from: number
  to: number
  size: number
  dueAtMs: (n: number) => number
  /** Which of them have an id of their own; none when absent. One request has only those, or only others. */
  ownIds?: boolean
}

const MESSAGES = 500
const SENDERS = 4
const LINES = { 'content-type': 'application/x-ndjson' }
const PUBLISH_WITHIN_MS = 120_000

/** Resolves when all are answered: durable. Answers how many a second that were. */
export async function publishNumbered(server: BenchServer, fill: NumberedFill): Promise<number> {
  const { topic, from, to, size, dueAtMs, ownIds = false } = fill
  const path = `/v1/topics/${topic}/messages?results=none`
  const startMs = performance.now()
  let next = from
  const send = async () => {
    const lines = new NumberedLines({ messages: MESSAGES, size, ownIds })
    while (next < to) {
      const first = next
      next = Math.min(to, next + MESSAGES)
      const raw = lines.lines(first, next, dueAtMs)
      const { status, text } = await server.process.client.call('POST', path, {
        raw,
        headers: LINES,
        timeoutMs: PUBLISH_WITHIN_MS,
      })
      if (status !== 201) throw new Error(`publishing answers ${status} ${text.slice(0, 300)}`)
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, send))
  return (to - from) / ((performance.now() - startMs) / 1000)
}
