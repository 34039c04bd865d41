// Many messages a request, one a line: messages a second that are durable when answered.

import { BenchServer } from './bench-server.ts'
import { measure, valueOfSize } from './load.ts'
import { printTable, type Row } from './table.ts'

const MESSAGES = 500
const CONNECTIONS = 8

export async function ndjson(seconds: number): Promise<void> {
  const rows: Row[] = []
  for (const { bytes, delay, results } of [
    { bytes: 100, delay: undefined, results: 'all' },
    { bytes: 100, delay: undefined, results: 'none' },
    { bytes: 100, delay: '1h', results: 'none' },
    { bytes: 1024, delay: undefined, results: 'none' },
    { bytes: 1024, delay: '1h', results: 'none' },
  ]) {
    const server = await BenchServer.start()
    try {
      const body = `${JSON.stringify({ value: valueOfSize(bytes), delay })}\n`.repeat(MESSAGES)
      const url = `http://127.0.0.1:${server.port}/v1/topics/orders/messages${results === 'none' ? '?results=none' : ''}`
      const load = { url, body, contentType: 'application/x-ndjson', connections: CONNECTIONS }
      await measure({ ...load, seconds: 1 })
      const { requestsPerSecond, p50Ms, p99Ms } = await measure({ ...load, seconds })
      rows.push({
        'value bytes': bytes,
        delay: delay ?? 'none',
        results,
        'messages/s': requestsPerSecond * MESSAGES,
        'p50 ms': p50Ms,
        'p99 ms': p99Ms,
      })
    } finally {
      await server.stop()
    }
  }
  printTable('publish as NDJSON', `${MESSAGES} messages a request, ${CONNECTIONS} connections, ${seconds} s`, rows)
}
