// Bytes written for each byte published, and where they go: counted at the one door to the disk, in a broker of this
// process; LevelDB, which has its own door, is what is left of all bytes that the process wrote.
//
// `write_bytes` of /proc is what the kernel says it will send to the device. It counts whole folios of the page
// cache: where a file was written with large writes those are up to a megabyte, so that overwriting 4 KiB of a journal file
// in place counts 1 MiB. `wchar` counts what was asked for; both are printed.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Broker } from '../../service/broker.ts'
import { readSettings } from '../../service/config.ts'
import { type Disk, SILENT, SystemClock, SystemDisk, SystemRandom } from '../../storage/index.ts'
import { printTable, type Row } from './table.ts'
import { publishRoundRobin } from './topics.ts'

const LOADS = [
  { name: 'NDJSON of 500, at once', messages: 500, connections: 8, requests: 200, delay: undefined, waitMs: 0 },
  { name: 'NDJSON of 500, 10 s', messages: 500, connections: 8, requests: 200, delay: '10s', waitMs: 14_000 },
  { name: 'NDJSON of 500, 1 h', messages: 500, connections: 8, requests: 200, delay: '1h', waitMs: 0 },
  { name: 'NDJSON of 500, 5 h', messages: 500, connections: 8, requests: 200, delay: '5h', waitMs: 0 },
  { name: 'one a request, 64 at once', messages: 1, connections: 64, requests: 40_000, delay: undefined, waitMs: 0 },
  { name: 'one a request, one at once', messages: 1, connections: 1, requests: 2_000, delay: undefined, waitMs: 0 },
]
const KINDS: [kind: string, path: RegExp][] = [
  ['zeros ahead', /\.preparing$/],
  ['segments', /\.log$/],
  ['indexes', /\.(time)?index$/],
  ['runs', /\.run$/],
  ['slots', /\/wheel\/.*\d/],
]
const FRAME_MAGIC = 'DWJF'

export async function amplification(): Promise<void> {
  const rows: Row[] = []
  for (const load of LOADS) rows.push(await amplificationOf(load))
  printTable(
    'bytes written for each byte published',
    'values of 1 KiB; from an empty folder to the end of a stop, the zeros of journal files that are made included',
    rows,
  )
}

async function amplificationOf({ name, waitMs, ...load }: (typeof LOADS)[number]): Promise<Row> {
  const work = mkdtempSync(join(process.env.DWELL_BENCH_DIR ?? tmpdir(), 'dwell-bench-'))
  const bytes = new Map<string, number>()
  const settings = readSettings(
    { DWELL_DATA_DIR: join(work, 'data'), DWELL_PORT: '0', DWELL_DISK_RESERVE_BYTES: '0' },
    {},
  )
  try {
    const before = written()
    const broker = await Broker.start({
      settings,
      disk: countingDisk(bytes),
      clock: new SystemClock(),
      random: new SystemRandom(),
      log: SILENT,
      onFailure: (error) => {
        throw error
      },
    })
    const { messages } = await publishRoundRobin(Number(new URL(broker.address).port), { topics: 1, ...load })
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    await broker.stop()
    const after = written()
    const published = messages * 1024
    const seen = [...bytes.values()].reduce((sum, some) => sum + some, 0)
    const row: Row = { load: name, wchar: (after.wchar - before.wchar) / published }
    for (const kind of ['journal', 'padding', ...KINDS.map(([kind]) => kind), 'others']) {
      row[kind] = (bytes.get(kind) ?? 0) / published
    }
    row['LevelDB, answers'] = (after.wchar - before.wchar - seen) / published
    row.write_bytes = (after.writeBytes - before.writeBytes) / published
    return row
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The system's disk; adds what is written to `bytes`, by kind of file. */
function countingDisk(bytes: Map<string, number>): Disk {
  const disk = new SystemDisk()
  const open: Disk['open'] = async (path, mode) => {
    const file = await disk.open(path, mode)
    const write = file.write.bind(file)
    file.write = (part, position) => {
      count(bytes, path, Buffer.from(part.buffer, part.byteOffset, part.byteLength))
      return write(part, position)
    }
    return file
  }
  return Object.assign(Object.create(disk), { open })
}

function count(bytes: Map<string, number>, path: string, part: Buffer): void {
  const isFrame = part.length >= 8 && part.toString('latin1', 0, 4) === FRAME_MAGIC
  const padding = isFrame ? part.length - part.readUInt32BE(4) : 0
  const kind = isFrame ? 'journal' : (KINDS.find(([, pattern]) => pattern.test(path))?.[0] ?? 'others')
  bytes.set(kind, (bytes.get(kind) ?? 0) + part.length - padding)
  if (padding > 0) bytes.set('padding', (bytes.get('padding') ?? 0) + padding)
}

/** What the threads of this process wrote. (The sum for the process counts children that ended as well: the load.) */
function written(): { wchar: number; writeBytes: number } {
  const sum = { wchar: 0, writeBytes: 0 }
  for (const thread of readdirSync('/proc/self/task')) {
    const text = readFileSync(`/proc/self/task/${thread}/io`, 'latin1')
    sum.wchar += Number(/^wchar: (\d+)/m.exec(text)?.[1])
    sum.writeBytes += Number(/^write_bytes: (\d+)/m.exec(text)?.[1])
  }
  return sum
}
