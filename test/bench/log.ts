// How fast the embedded log is by itself, without HTTP: `node test/bench/log.ts [seconds]`. Works in a folder of its own
// under the system's temporary one, with the real disk and O_DSYNC.
//
// Prints for each kind of load: appends and records a second, MB a second, the median and 99th percentile of the time
// until an append was answered, and the time of one journal write.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Disk,
  type DiskFile,
  EmbeddedEngine,
  encodeRecordBody,
  SILENT,
  SystemClock,
  SystemDisk,
} from '../../storage/index.ts'

const SECONDS = Number(process.argv[2] ?? 5)
const VALUE_BYTES = 1024

const clock = new SystemClock()
const writeMs: number[] = []

/** Measures the writes of the journal, the only ones that are opened write-through. */
function timed(disk: SystemDisk): Disk {
  const open: Disk['open'] = async (path, mode) => {
    const file = await disk.open(path, mode)
    if (mode !== 'write-through') return file
    const write: DiskFile['write'] = async (bytes, position) => {
      const startMs = clock.monotonicMs()
      await file.write(bytes, position)
      writeMs.push(clock.monotonicMs() - startMs)
    }
    return Object.assign(Object.create(file), {
      write,
      read: file.read.bind(file),
      sync: file.sync.bind(file),
      truncate: file.truncate.bind(file),
      size: file.size.bind(file),
      close: file.close.bind(file),
    })
  }
  const proto: Disk = Object.create(disk)
  return Object.assign(proto, { open })
}

function percentile(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2)
}

interface Load {
  name: string
  recordsPerAppend: number
  inFlight: number
  topics: number
}

async function run(engine: EmbeddedEngine, { name, recordsPerAppend, inFlight, topics }: Load): Promise<void> {
  const records = Array.from({ length: recordsPerAppend }, () => ({
    timestampMs: clock.wallMs(),
    body: encodeRecordBody(null, Buffer.alloc(VALUE_BYTES, 'x'), []),
  }))
  const tookMs: number[] = []
  writeMs.length = 0
  const startMs = clock.monotonicMs()
  const untilMs = startMs + SECONDS * 1000
  let turn = 0
  const worker = async () => {
    for (let nowMs = clock.monotonicMs(); nowMs < untilMs; ) {
      turn++
      await engine.append([{ topic: `topic-${turn % topics}`, partition: 0, records }])
      const thenMs = clock.monotonicMs()
      tookMs.push(thenMs - nowMs)
      nowMs = thenMs
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  const seconds = (clock.monotonicMs() - startMs) / 1000
  const appends = tookMs.length
  tookMs.sort((a, b) => a - b)
  const writes = writeMs.toSorted((a, b) => a - b)
  const mb = (appends * recordsPerAppend * VALUE_BYTES) / 1e6
  const rate = (count: number) => Math.round(count / seconds).toLocaleString('en')
  console.log(
    `${name.padEnd(44)} ${rate(appends).padStart(8)} appends/s ${rate(appends * recordsPerAppend).padStart(9)} records/s ` +
      `${(mb / seconds).toFixed(0).padStart(4)} MB/s  answer p50 ${percentile(tookMs, 0.5)} p99 ${percentile(tookMs, 0.99)} ms  ` +
      `journal write p50 ${percentile(writes, 0.5)} p99 ${percentile(writes, 0.99)} ms × ${writes.length}`,
  )
}

const directory = await mkdtemp(join(tmpdir(), 'dwell-bench-'))
try {
  const openMs = clock.monotonicMs()
  const onFailure = (error: unknown) => {
    throw error
  }
  const engine = await EmbeddedEngine.open({ disk: timed(new SystemDisk()), clock, directory, log: SILENT, onFailure })
  console.log(`opened an empty directory in ${(clock.monotonicMs() - openMs).toFixed(0)} ms`)
  const settings = { partitions: 1, cleanup: 'delete', retentionBytes: 256 * 1024 * 1024 } as const
  await Promise.all(Array.from({ length: 1000 }, (_, i) => engine.createTopic(`topic-${i}`, settings)))
  await run(engine, { name: '1 record, 1 in flight', recordsPerAppend: 1, inFlight: 1, topics: 1 })
  await run(engine, { name: '1 record, 64 in flight', recordsPerAppend: 1, inFlight: 64, topics: 1 })
  await run(engine, { name: '1 record, 256 in flight', recordsPerAppend: 1, inFlight: 256, topics: 1 })
  await run(engine, { name: '1 record, 256 in flight, 1000 topics', recordsPerAppend: 1, inFlight: 256, topics: 1000 })
  await run(engine, { name: '500 records, 1 in flight', recordsPerAppend: 500, inFlight: 1, topics: 1 })
  await run(engine, { name: '500 records, 8 in flight, 4 topics', recordsPerAppend: 500, inFlight: 8, topics: 4 })
  const closeMs = clock.monotonicMs()
  await engine.close()
  console.log(
    `closed in ${(clock.monotonicMs() - closeMs).toFixed(0)} ms; memory ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`,
  )
} finally {
  await rm(directory, { recursive: true, force: true })
}
