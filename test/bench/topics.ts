// Ten thousand topics of one partition: the rate round robin over all of them against that to one, over HTTP and at the
// engine; then how long a start takes with all of them, open files and memory. Row I3 of test/faults/README.md.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EmbeddedEngine, encodeRecordBody, SILENT, SystemClock, SystemDisk } from '../../storage/index.ts'
import { BenchServer } from './bench-server.ts'
import { openFiles } from './open-descriptors.ts'
import type { RoundRobin, RoundRobinResult } from './round-robin.ts'
import { printTable, type Row } from './table.ts'

const COUNT = 10_000
const RUNS = 3
const MIB = 1024 * 1024
const LOADS = [
  { name: 'HTTP, one message a request', messages: 1, connections: 256 },
  { name: 'HTTP, NDJSON of 500', messages: 500, connections: 8 },
]

/** Publishes from a process of its own. */
export async function publishRoundRobin(port: number, load: RoundRobin): Promise<RoundRobinResult> {
  const program = join(import.meta.dirname, 'round-robin.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [program, String(port), JSON.stringify(load)])
  return JSON.parse(stdout)
}

export async function topics(seconds: number): Promise<void> {
  const server = await BenchServer.start()
  try {
    const idle = server.process.memoryBytes()
    await createAll((name) => server.call('PUT', `/v1/topics/${name}`, { partitions: 1 }))
    const created = server.process.memoryBytes()
    const rows: Row[] = []
    for (const { name, ...load } of LOADS) {
      const run = (count: number) => publishRoundRobin(server.port, { ...load, topics: count, seconds })
      await run(1)
      const runs: { one: RoundRobinResult; all: RoundRobinResult }[] = []
      for (let i = 0; i < RUNS; i++) runs.push({ one: await run(1), all: await run(COUNT) })
      rows.push(rateRow(name, runs))
    }
    rows.push(await engineRow('engine, one record an append, 256 under way', 1, 256, seconds))
    rows.push(await engineRow('engine, 100 records an append, 32 under way', 100, 32, seconds))
    printTable(
      `${COUNT} topics, round robin, against one`,
      `values of 1 KiB, ${RUNS} interleaved runs of ${seconds} s each, medians`,
      rows,
    )
    const states: Row[] = [stateRow('after all that', server)]
    const killedMs = await server.restartAfterKill()
    states.push(stateRow('started after kill -9', server, killedMs))
    const stoppedMs = await server.restart()
    states.push(stateRow('started after a stop', server, stoppedMs))
    const bytes = `a partition that was never written to takes ${Math.round((created - idle) / COUNT)} bytes of VmRSS`
    printTable(`a server with ${COUNT} topics`, bytes, states)
  } finally {
    await server.stop()
  }
}

async function createAll(create: (name: string) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < COUNT; i += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, k) => create(`topic-${i + k}`)))
  }
}

async function engineRow(name: string, recordCount: number, underWay: number, seconds: number): Promise<Row> {
  const directory = mkdtempSync(join(process.env.DWELL_BENCH_DIR ?? tmpdir(), 'dwell-bench-'))
  const onFailure = (error: unknown) => {
    throw error
  }
  const clock = new SystemClock()
  const engine = await EmbeddedEngine.open({ disk: new SystemDisk(), clock, directory, log: SILENT, onFailure })
  try {
    await createAll((topic) => engine.createTopic(topic, { partitions: 1, cleanup: 'delete' }))
    const body = encodeRecordBody(null, Buffer.alloc(1024, 'x'), [])
    const records = Array.from({ length: recordCount }, () => ({ timestampMs: clock.wallMs(), body }))
    const run = async (count: number): Promise<RoundRobinResult> => {
      const startMs = clock.monotonicMs()
      const untilMs = startMs + seconds * 1000
      let turn = 0
      const worker = async () => {
        while (clock.monotonicMs() < untilMs) {
          await engine.append([{ topic: `topic-${turn++ % count}`, partition: 0, records }])
        }
      }
      await Promise.all(Array.from({ length: underWay }, worker))
      const messages = turn * recordCount
      const messagesPerSecond = messages / ((clock.monotonicMs() - startMs) / 1000)
      return { messages, messagesPerSecond, p50Ms: 0, p99Ms: 0 }
    }
    await run(1)
    const runs: { one: RoundRobinResult; all: RoundRobinResult }[] = []
    for (let i = 0; i < RUNS; i++) runs.push({ one: await run(1), all: await run(COUNT) })
    const { 'p99 ms, one': _one, 'p99 ms, all': _all, ...row } = rateRow(name, runs)
    return row
  } finally {
    await engine.close()
    rmSync(directory, { recursive: true })
  }
}

function rateRow(name: string, runs: { one: RoundRobinResult; all: RoundRobinResult }[]): Row {
  const median = (take: (run: (typeof runs)[number]) => number) =>
    runs.map(take).toSorted((a, b) => a - b)[runs.length >> 1]
  return {
    load: name,
    'one topic, messages/s': median(({ one }) => one.messagesPerSecond),
    'all, messages/s': median(({ all }) => all.messagesPerSecond),
    ratio: median(({ one, all }) => all.messagesPerSecond / one.messagesPerSecond),
    'p99 ms, one': median(({ one }) => one.p99Ms),
    'p99 ms, all': median(({ all }) => all.p99Ms),
  }
}

function stateRow(what: string, server: BenchServer, readyMs?: number): Row {
  const row = { what, ...openFiles(server.process.pid), 'VmRSS MiB': server.process.memoryBytes() / MIB }
  return readyMs === undefined ? row : { ...row, 'ready after ms': readyMs }
}
