// Acquire and accept in batches of 500: records a second.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { BenchServer } from './bench-server.ts'
import { valueOfSize } from './load.ts'
import { printTable, type Row } from './table.ts'

const RECORDS = 300_000
const CONSUMERS = 4
const PARTITIONS = 4

export async function consume(): Promise<void> {
  const rows: Row[] = []
  for (const bytes of [100, 1024]) {
    const server = await BenchServer.start()
    try {
      await server.call('PUT', '/v1/topics/orders', { partitions: PARTITIONS })
      await fill(server, 'orders', RECORDS, () => ({ value: valueOfSize(bytes) }))
      const { records, ms } = await consumeIn(server.port)
      if (records !== RECORDS) throw new Error(`${records} records came of ${RECORDS}`)
      rows.push({ 'value bytes': bytes, records, seconds: ms / 1000, 'records/s': records / (ms / 1000) })
    } finally {
      await server.stop()
    }
  }
  printTable(
    'acquire and accept',
    `batches of 500, ${CONSUMERS} consumers in another process, ${PARTITIONS} partitions, each acknowledge durable`,
    rows,
  )
}

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
      next = Math.min(count, next + 500)
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

async function consumeIn(port: number): Promise<{ records: number; ms: number }> {
  const args = [join(import.meta.dirname, 'consumer.ts'), port, 'orders', 'billing', CONSUMERS]
  const child = spawn(process.execPath, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (part) => (out += part))
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`the consumers ended with ${code}`)
  return JSON.parse(out) as { records: number; ms: number }
}
