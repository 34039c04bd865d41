// The load of `topics` and `amplification`, in a process of its own: publishes to topic-0, topic-1, … in turn, over
// connections that each have one request under way, and prints the rate as JSON.
//
//   node test/bench/round-robin.ts PORT '{"topics":10000,"messages":1,"connections":256,"seconds":4}'
//
// autocannon takes one address; this takes the next topic for each request, and sends bytes that are made beforehand.

import { connect } from 'node:net'
import { valueOfSize } from './load.ts'
import { quantile } from './table.ts'

export interface RoundRobin {
  topics: number
  /** In a request; more than one go as NDJSON. */
  messages: number
  connections: number
  /** It ends after so many seconds, or so many requests. */
  seconds?: number
  requests?: number
  delay?: string
}

export interface RoundRobinResult {
  messagesPerSecond: number
  messages: number
  p50Ms: number
  p99Ms: number
}

if (import.meta.main) await run(Number(process.argv[2]), JSON.parse(process.argv[3]))

async function run(port: number, load: RoundRobin): Promise<void> {
  const { topics, messages, connections, seconds = Number.POSITIVE_INFINITY, delay } = load
  let left = load.requests ?? Number.POSITIVE_INFINITY
  const line = JSON.stringify({ value: valueOfSize(1024), delay })
  const body = messages === 1 ? line : `${line}\n`.repeat(messages)
  const type = messages === 1 ? 'application/json' : 'application/x-ndjson'
  const rest = Buffer.from(
    `/messages?results=none HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  const tookMs: number[] = []
  let turn = 0
  const startMs = performance.now()
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1').setNoDelay(true)
      let sentMs = 0
      let answer = ''
      const send = () => {
        sentMs = performance.now()
        if (sentMs > startMs + seconds * 1000 || left-- <= 0) {
          socket.destroy()
          return resolve()
        }
        socket.write(Buffer.concat([Buffer.from(`POST /v1/topics/topic-${turn++ % topics}`), rest]))
      }
      socket.on('connect', send)
      socket.on('error', reject)
      socket.on('data', (part) => {
        answer += part.toString('latin1')
        const end = answer.indexOf('\r\n\r\n')
        if (end < 0 || answer.length < end + 4 + Number(/content-length: (\d+)/i.exec(answer)?.[1] ?? 0)) return
        if (!answer.startsWith('HTTP/1.1 2')) return reject(new Error(answer.slice(0, 300)))
        answer = ''
        tookMs.push(performance.now() - sentMs)
        send()
      })
    })
  await Promise.all(Array.from({ length: connections }, one))
  const tookS = (performance.now() - startMs) / 1000
  tookMs.sort((a, b) => a - b)
  const sent = tookMs.length * messages
  const result: RoundRobinResult = {
    messagesPerSecond: sent / tookS,
    messages: sent,
    p50Ms: quantile(tookMs, 0.5),
    p99Ms: quantile(tookMs, 0.99),
  }
  console.log(JSON.stringify(result))
}
