// Where frames stand in the journal of a directory on the real disk, and what its checkpoint says.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32c } from '../../storage/index.ts'
import { blocks, decodeFileHeader, frameSizeAt, partsAt } from '../../storage/journal/journal-format.ts'
import { type Checkpoint, decodeCheckpoint as decode } from '../../storage/log/checkpoint.ts'
import { topicIdOf } from '../../storage/segment/partition-metadata.ts'

const DURABLE_HEADER_SIZE = 14

export function decodeCheckpoint(directory: string): Checkpoint {
  return decode(readFileSync(join(directory, 'checkpoint')).subarray(DURABLE_HEADER_SIZE))
}

/** The frames in the journal file at which the checkpoint begins, from there on. */
export function frameSizesIn(directory: string): { position: number; size: number }[] {
  const { journal } = decodeCheckpoint(directory)
  const path = join(directory, 'journal', `${String(journal.sequence).padStart(20, '0')}.journal`)
  const bytes = readFileSync(path)
  const header = decodeFileHeader(bytes)
  if (typeof header === 'string') throw new Error(header)
  const frames: { position: number; size: number }[] = []
  for (let position = journal.position; ; ) {
    const size = frameSizeAt(bytes, position, header)
    if (size === 0) return frames
    frames.push({ position, size })
    position += blocks(size)
  }
}

/** Where, in the journal file at which the checkpoint begins, the first batch of a topic lies. */
export function firstBatchOf(directory: string, topic: string): number {
  const text = readFileSync(join(directory, 'topics', `${topic}-0`, 'partition.metadata'), 'utf8')
  const { journal } = decodeCheckpoint(directory)
  const path = join(directory, 'journal', `${String(journal.sequence).padStart(20, '0')}.journal`)
  const bytes = readFileSync(path)
  for (const { position } of frameSizesIn(directory)) {
    for (const { topicId, contents } of partsAt(bytes, position)) {
      if (topicId === topicIdOf(text)) return contents.byteOffset - bytes.byteOffset
    }
  }
  throw new Error(`no frame has a batch of ${topic}`)
}

/** Takes the copy of the last sector of a topic's segment out of the checkpoint, by making it that of what lies there now. */
export function withoutLastBytes(directory: string, topic: string): void {
  const path = join(directory, 'checkpoint')
  const bytes = readFileSync(path)
  const log = readFileSync(join(directory, 'topics', `${topic}-0`, '00000000000000000000.log'))
  const { entries } = decodeCheckpoint(directory)
  for (const { safe } of entries) {
    const at = bytes.indexOf(safe.lastBytes)
    if (
      safe.lastBytes.length === 0 ||
      !log.subarray(0, safe.size).subarray(-safe.lastBytes.length).equals(safe.lastBytes)
    )
      continue
    bytes[at + safe.lastBytes.length - 10] ^= 0x10
    bytes.writeUInt32BE(crc32c(bytes.subarray(DURABLE_HEADER_SIZE)), 10)
    writeFileSync(path, bytes)
    return
  }
}
