// Fills a topic before what is measured begins.

import type { BenchServer } from './bench-server.ts'

const MESSAGES = 500

/** Publishes `count` messages in requests of 500, a few at a time. */
export async function fill(
  server: BenchServer,
  topic: string,
  count: number,
  message: (i: number) => object,
): Promise<void> {
  let next = 0
  const send = async () => {
    while (next < count) {
      const from = next
      next = Math.min(count, next + MESSAGES)
      const raw = Array.from({ length: next - from }, (_, i) => `${JSON.stringify(message(from + i))}\n`).join('')
      const path = `/v1/topics/${topic}/messages?results=none`
      const answer = await server.process.client.call('POST', path, {
        raw,
        headers: { 'content-type': 'application/x-ndjson' },
      })
      if (answer.status !== 201) throw new Error(`publishing answers ${answer.status} ${answer.text.slice(0, 300)}`)
    }
  }
  await Promise.all([send(), send(), send(), send()])
}
