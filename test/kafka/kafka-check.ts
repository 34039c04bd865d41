// What Kafka's own reader finds in a topic that written-topic.ts wrote, held against what was written: every record, its
// place, time, sizes and names of headers; and that none is missing.

import { join } from 'node:path'
import { type DumpedRecord, dumpSegments } from './dump-segments.ts'
import { PARTITIONS, TOPIC, writtenRecord } from './written-topic.ts'

const FINDINGS_SHOWN = 20

export interface CheckOptions {
  classPath: string
  /** The engine's data directory; nobody has it open. */
  directory: string
  cleanup: 'delete' | 'compact'
  /** By partition: where its log starts, and ends. */
  spans: readonly { logStartOffset: number; logEndOffset: number }[]
  /** Records that a later one of the same key supersedes may be gone. */
  compacted?: boolean
}

export interface Checked {
  files: number
  batches: number
  records: number
  /** Empty when all is right. */
  findings: string[]
}

export async function checkByKafka(options: CheckOptions): Promise<Checked> {
  const { classPath, directory, cleanup, spans, compacted = false } = options
  const folders = spans.map((_, partition) => join(directory, 'topics', `${TOPIC}-${partition}`))
  const found = folders.map(() => new Set<number>())
  const wrong: string[] = []
  const onRecord = (record: DumpedRecord) => {
    const partition = folders.indexOf(record.folder)
    found[partition].add(record.offset)
    const why = difference(record, partition, cleanup)
    if (why !== undefined && wrong.length < FINDINGS_SHOWN)
      wrong.push(`${record.folder}, offset ${record.offset}: ${why}`)
  }
  const { files, batches, records, findings } = await dumpSegments({ classPath, folders, compacted, onRecord })
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const superseded = compacted ? supersededIn(partition, spans[partition].logEndOffset) : new Set()
    for (let offset = spans[partition].logStartOffset; offset < spans[partition].logEndOffset; offset++) {
      if (found[partition].has(offset) || superseded.has(offset)) continue
      wrong.push(`${folders[partition]}: offset ${offset} is missing`)
      break
    }
  }
  return { files, batches, records, findings: [...findings.slice(0, FINDINGS_SHOWN), ...wrong] }
}

function difference(found: DumpedRecord, partition: number, cleanup: 'delete' | 'compact'): string | undefined {
  const { timestampMs, key, value, headers } = writtenRecord(partition, found.offset, cleanup)
  const names = headers.map(([name]) => name).join(',')
  const asWritten = [timestampMs, key?.length ?? -1, value?.length ?? -1, names].join(' ')
  const asRead = [found.timestampMs, found.keySize, found.valueSize, found.headerNames].join(' ')
  return asWritten === asRead ? undefined : `${asRead} in place of ${asWritten}`
}

/** The offsets whose key comes again later. */
function supersededIn(partition: number, end: number): Set<number> {
  const last = new Map<string, number>()
  const superseded = new Set<number>()
  for (let offset = 0; offset < end; offset++) {
    const key = writtenRecord(partition, offset, 'compact').key?.toString('latin1') ?? ''
    const before = last.get(key)
    if (before !== undefined) superseded.add(before)
    last.set(key, offset)
  }
  return superseded
}
