// A segment and its two indexes in words.

import { basename, dirname } from 'node:path'
import { type Disk, headerOfBatchAt, readOffsetRows, readTimeRows, walkSegment } from '../../../storage/index.ts'
import { bytesOf, count, offsetsOf, timeOf } from '../words.ts'
import { type DumpOptions, Limit, type Line } from './line.ts'
import { recordLines } from './records.ts'

export async function* segmentLines(disk: Disk, path: string, options: DumpOptions): AsyncGenerator<Line> {
  const file = await disk.open(path, 'read')
  try {
    const size = await file.size()
    const baseOffset = baseOf(path) ?? 0
    const topic = topicOf(path)
    yield `segment${topic === undefined ? '' : ` of ${basename(dirname(path))}`}, ${bytesOf(size)}: record batches from offset ${baseOffset} on`
    const limit = new Limit(options)
    let batches = 0
    let records = 0
    const extent = { size, baseOffset, endOffset: Number.POSITIVE_INFINITY, mayHaveGaps: true }
    for await (const item of walkSegment(file, extent)) {
      if (item.kind === 'damage') {
        yield { damage: `byte ${item.position}  damaged up to byte ${item.end}: ${item.reason}` }
        continue
      }
      if (item.lastOffset < (options.fromOffset ?? 0) || item.position < (options.fromByte ?? 0)) continue
      if (!limit.take()) return
      batches++
      records += headerOfBatchAt(item.bytes, 0).recordCount
      yield `byte ${item.position}  ${batchWords(item.bytes)}`
      if (options.records) yield* recordLines(item.bytes, topic, options)
    }
    yield `byte ${size}  the end: ${count(batches, 'batch', 'batches')}, ${count(records, 'record')} printed`
  } finally {
    await file.close()
  }
}

function batchWords(bytes: Buffer): string {
  const header = headerOfBatchAt(bytes, 0)
  const { baseOffset, lastOffset, recordCount, size, maxTimestampMs } = header
  const words = [offsetsOf(baseOffset, lastOffset), count(recordCount, 'record'), bytesOf(size), timeOf(maxTimestampMs)]
  if (header.codec !== 'none') words.push(header.codec ?? 'of an unknown codec')
  if (header.isControl) words.push('control')
  if (header.isTransactional) words.push('transactional')
  if (header.producerId >= 0) words.push(`producer ${header.producerId}`)
  if (header.deleteHorizonMs !== undefined) words.push(`tombstones go after ${timeOf(header.deleteHorizonMs)}`)
  return words.join(', ')
}

export async function* offsetIndexLines(disk: Disk, path: string, options: DumpOptions): AsyncGenerator<Line> {
  const baseOffset = baseOf(path) ?? 0
  const { rows, restBytes, disorderedAt } = await readOffsetRows(disk, path, baseOffset)
  yield `offset index from offset ${baseOffset} on, ${count(rows.length, 'entry', 'entries')}`
  const lines = rows.map(
    ({ lastOffset, position }) => `offset ${lastOffset}  the batch that ends with it begins at byte ${position}`,
  )
  yield* rowLines(lines, options, restBytes, disorderedAt)
}

export async function* timeIndexLines(disk: Disk, path: string, options: DumpOptions): AsyncGenerator<Line> {
  const baseOffset = baseOf(path) ?? 0
  const { rows, restBytes, disorderedAt } = await readTimeRows(disk, path, baseOffset)
  yield `time index from offset ${baseOffset} on, ${count(rows.length, 'entry', 'entries')}`
  const lines = rows.map(({ timestampMs, offset }) => `${timeOf(timestampMs)}  the latest up to offset ${offset}`)
  yield* rowLines(lines, options, restBytes, disorderedAt)
}

function* rowLines(
  lines: readonly string[],
  options: DumpOptions,
  restBytes: number,
  disorderedAt: number,
): Generator<Line> {
  const limit = new Limit(options)
  for (const [i, line] of lines.entries()) {
    if (!limit.take()) return
    yield i === disorderedAt ? { damage: `${line}  (not above the entry before)` } : line
  }
  if (restBytes > 0) yield { damage: `${bytesOf(restBytes)} behind the last whole entry` }
}

/** The first offset that a segment may hold, out of its name. */
function baseOf(path: string): number | undefined {
  const found = /^(\d{20})\./.exec(basename(path))
  return found === null ? undefined : Number(found[1])
}

/** The topic, out of the name of the partition's folder. */
function topicOf(path: string): string | undefined {
  return /^(.+)-\d+$/.exec(basename(dirname(path)))?.[1]
}
