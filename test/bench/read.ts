// Reading a log that is on disk over HTTP: as it is stored, in large pages, and for comparison as JSON. And what a reader
// far behind does to those who publish meanwhile.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { BenchServer } from './bench-server.ts'
import { fill } from './fill.ts'
import { measure, valueOfSize } from './load.ts'
import { printTable, type Row } from './table.ts'

const MB = 1_000_000
const VALUE_BYTES = 1024
const RECORDS = 300_000
const PARTITION = '/v1/topics/orders/partitions/0'
const PUBLISHERS = 8

export async function read(seconds: number): Promise<void> {
  const server = await BenchServer.start()
  try {
    await server.call('PUT', '/v1/topics/orders', { partitions: 1 })
    await fill(server, 'orders', RECORDS, () => ({ value: valueOfSize(VALUE_BYTES) }))
    const rows: Row[] = []
    for (const { what, query, connections } of [
      { what: 'batches', query: 'batches?maxBytes=1048576', connections: 1 },
      { what: 'batches', query: 'batches?maxBytes=1048576', connections: 4 },
      { what: 'batches', query: 'batches?maxBytes=4194304', connections: 1 },
      { what: 'records (JSON)', query: 'records?limit=1000', connections: 1 },
    ]) {
      const url = `${PARTITION}/${query}`
      await readPages(server.port, url, connections, 0.5)
      const { bytes, pages, ms } = await readPages(server.port, url, connections, seconds)
      const page = bytes / pages / 1024
      rows.push({
        what,
        connections,
        'KiB a page': page,
        'pages/s': pages / (ms / 1000),
        'MB/s': bytes / MB / (ms / 1000),
      })
    }
    const settings = `${RECORDS.toLocaleString('en-US')} records of ${VALUE_BYTES} bytes in one partition, client in another process, ${seconds} s`
    printTable('read a log', settings, rows)
    await beside(server, seconds)
  } finally {
    await server.stop()
  }
}

/** Publishing alone, and while somebody reads the log from its beginning as fast as it goes. */
async function beside(server: BenchServer, seconds: number): Promise<void> {
  const load = {
    url: `http://127.0.0.1:${server.port}/v1/topics/others/messages`,
    body: JSON.stringify({ value: valueOfSize(VALUE_BYTES) }),
    contentType: 'application/json',
    connections: PUBLISHERS,
    seconds,
  }
  await measure({ ...load, seconds: 1 })
  const alone = await measure(load)
  const reading = readPages(server.port, `${PARTITION}/batches?maxBytes=1048576`, 1, seconds + 1)
  const withReader = await measure(load)
  const { bytes, ms } = await reading
  const row = (what: string, { requestsPerSecond, p50Ms, p99Ms }: typeof alone, read: number): Row => ({
    what,
    'publishes/s': requestsPerSecond,
    'p50 ms': p50Ms,
    'p99 ms': p99Ms,
    'read MB/s': read,
  })
  printTable('publish beside a reader far behind', `single messages, ${PUBLISHERS} connections, ${seconds} s`, [
    row('alone', alone, 0),
    row('beside', withReader, bytes / MB / (ms / 1000)),
  ])
}

async function readPages(
  port: number,
  url: string,
  connections: number,
  seconds: number,
): Promise<{ bytes: number; pages: number; ms: number }> {
  const args = [join(import.meta.dirname, 'page-reader.ts'), port, url, connections, seconds]
  const child = spawn(process.execPath, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (part) => (out += part))
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`the reader ended with ${code}`)
  return JSON.parse(out)
}
