// A delayed publish that is durable when answered, against a bare fastify route: how much of the rate is left.

import { startBare } from './bare-process.ts'
import { BenchServer } from './bench-server.ts'
import { type Measured, measure, valueOfSize } from './load.ts'
import { printTable, type Row } from './table.ts'

const RUNS = 3

export async function publishRatio(seconds: number): Promise<void> {
  const bare = await startBare()
  const server = await BenchServer.start()
  try {
    const body = JSON.stringify({ value: valueOfSize(1024), delay: '1h' })
    const run = (port: number, connections: number, seconds: number) =>
      measure({
        url: `http://127.0.0.1:${port}/v1/topics/orders/messages`,
        body,
        contentType: 'application/json',
        connections,
        seconds,
      })
    // What the first requests cost (compiling, the first journal file) is not what is asked.
    for (const port of [bare.port, server.port]) await run(port, 64, 2)
    const rows: Row[] = []
    for (const connections of [64, 256]) {
      const runs: { bare: Measured; dwell: Measured }[] = []
      for (let i = 0; i < RUNS; i++) {
        runs.push({
          bare: await run(bare.port, connections, seconds),
          dwell: await run(server.port, connections, seconds),
        })
      }
      rows.push(row(connections, runs))
    }
    printTable(
      'delayed publish, one message a request, acks=all, against a bare fastify route',
      `value 1 KiB, ${RUNS} interleaved runs of ${seconds} s each, medians, autocannon in another process`,
      rows,
    )
  } finally {
    bare.kill()
    await server.stop()
  }
}

function row(connections: number, runs: { bare: Measured; dwell: Measured }[]): Row {
  const bare = median(runs.map((one) => one.bare.requestsPerSecond))
  const dwell = median(runs.map((one) => one.dwell.requestsPerSecond))
  return {
    connections,
    'bare req/s': bare,
    'dwell req/s': dwell,
    ratio: median(runs.map((one) => one.dwell.requestsPerSecond / one.bare.requestsPerSecond)),
    'dwell p50 ms': median(runs.map((one) => one.dwell.p50Ms)),
    'dwell p99 ms': median(runs.map((one) => one.dwell.p99Ms)),
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}
