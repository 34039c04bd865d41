// A million delayed messages: memory, open files, and how long a start takes after kill -9.

import { BenchServer } from './bench-server.ts'
import { fill } from './consume.ts'
import { valueOfSize } from './load.ts'
import { openFiles } from './open-descriptors.ts'
import { printTable, type Row } from './table.ts'

const FEW = 1_000
const MIB = 1024 * 1024
const SPAN_MS = 2 * 3_600_000

export async function million(count: number): Promise<void> {
  const server = await BenchServer.start()
  try {
    const rows: Row[] = []
    const add = async (what: string, more: Row = {}) => {
      // Long enough for a checkpoint and for the collector.
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      rows.push({
        what,
        'VmRSS MiB': server.process.memoryBytes() / MIB,
        ...openFiles(server.process.pid),
        ...more,
      })
    }
    const message = () => ({
      value: valueOfSize(1024),
      deliverAt: Date.now() + 60_000 + Math.floor(Math.random() * SPAN_MS),
    })
    await fill(server, 'orders', FEW, message)
    await add(`${FEW} pending`)
    const startMs = performance.now()
    await fill(server, 'orders', count - FEW, message)
    const seconds = (performance.now() - startMs) / 1000
    await add(`${count} pending`, { 'messages/s': (count - FEW) / seconds })
    await new Promise((resolve) => setTimeout(resolve, 65_000))
    await add('a minute later')
    const readyMs = await server.restartAfterKill()
    await add('after kill -9', { 'ready after ms': readyMs })
    await fill(server, 'orders', 50_000, message)
    const readyAgainMs = await server.restartAfterKill()
    await add('killed right after 50,000 more', { 'ready after ms': readyAgainMs })
    printTable('many pending', `${count} messages of 1 KiB, due over two hours, published as NDJSON`, rows)
  } finally {
    await server.stop()
  }
}
