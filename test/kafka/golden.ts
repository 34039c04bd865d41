// The golden folders (test/golden, its README.md says what is in which): segments that a Kafka 4.1.2 broker wrote and closed, and what Kafka itself says
// about them. `expected.json` is every record as a Kafka consumer reads it, `batches.json` the batch headers and index
// entries as Kafka's own classes read them.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeRecordBody, type StoredRecord } from '../../storage/index.ts'
import { OpenFiles } from '../../storage/segment/open-files.ts'
import { Segment } from '../../storage/segment/segment.ts'
import { SimulatedDisk } from '../storage/simulated-disk.ts'

/** A string where the bytes are UTF-8. */
type ExpectedBytes = string | { base64: string } | null

export interface ExpectedRecord {
  offset: number
  timestamp: number
  key: ExpectedBytes
  value: ExpectedBytes
  headers: [string, ExpectedBytes][]
}

export interface Expected {
  timestampType: string
  endOffset: number
  records: ExpectedRecord[]
  /** What read_committed sees. */
  readCommittedOffsets?: number[]
}

export interface ExpectedSegment {
  file: string
  size: number
  baseOffset: number
  index: [offset: number, position: number][]
  timeindex: [timestampMs: number, offset: number][]
  txnindex?: AbortedTransaction[]
  batches: Record<string, unknown>[]
}

export interface AbortedTransaction {
  producerId: number
  firstOffset: number
  lastOffset: number
  lastStableOffset: number
}

const ROOT = join(import.meta.dirname, '../golden')
export const FOLDERS = readdirSync(ROOT).filter((name) => existsSync(join(ROOT, name, 'expected.json')))
/** All but none-0 were written with this `index.interval.bytes`. */
const INDEX_INTERVAL_BYTES = 256

/** One golden folder, copied onto a simulated disk. */
export class Golden {
  readonly folder: string
  readonly expected: Expected
  readonly segments: ExpectedSegment[]
  readonly disk = new SimulatedDisk()

  constructor(folder: string) {
    this.folder = folder
    this.expected = JSON.parse(this.file('expected.json').toString())
    this.segments = JSON.parse(this.file('batches.json').toString())
  }

  /** The bytes of a file as Kafka wrote it. */
  file(name: string): Buffer {
    return readFileSync(join(ROOT, this.folder, name))
  }

  names(ending: string): string[] {
    return readdirSync(join(ROOT, this.folder))
      .filter((name) => name.endsWith(ending))
      .sort()
  }

  path(name: string): string {
    return `/${this.folder}/${name}`
  }

  /** A segment of ours over Kafka's file; beside it lie Kafka's indexes when `indexes` is set. */
  async segment(name: string, { indexes = true } = {}): Promise<Segment> {
    const stem = name.slice(0, 20)
    await this.disk.makeDirectory(`/${this.folder}`)
    for (const ending of indexes ? ['.log', '.index', '.timeindex'] : ['.log']) {
      this.disk.place(this.path(stem + ending), this.file(stem + ending))
    }
    const place = {
      disk: this.disk,
      files: new OpenFiles(this.disk, 4),
      directory: `/${this.folder}`,
      baseOffset: Number(stem),
      mayHaveGaps: this.folder === 'compacted-0',
      indexIntervalBytes: this.folder === 'none-0' ? undefined : INDEX_INTERVAL_BYTES,
    }
    return new Segment(place, this.file(name).length)
  }
}

/** A record in the form of expected.json. */
export function asExpected({ offset, timestampMs, body }: StoredRecord): ExpectedRecord {
  const { key, value, headers } = decodeRecordBody(body)
  const named = headers.map(([name, content]): [string, ExpectedBytes] => [name, asText(content)])
  return { offset, timestamp: timestampMs, key: asText(key), value: asText(value), headers: named }
}

function asText(bytes: Uint8Array | null): ExpectedBytes {
  if (bytes === null) return null
  const text = Buffer.from(bytes).toString()
  return Buffer.from(text).equals(bytes) ? text : { base64: Buffer.from(bytes).toString('base64') }
}
