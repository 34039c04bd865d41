// The checkpoint: from where the journal has to be replayed, and how far each partition's files are safe. One file,
// replaced as a whole (base/durable-file.ts), magic DWCP.
//
//   ┌─────────────────┬─────────────────────┬────────────────────┬──────────────────┬──────────────────┐
//   │ bootIdSize <2b> │ bootId              │ journalSequence<8b>│ journalPosition  │ frameNumber <8b> │
//   │                 │                     │                    │ <8b>             │                  │
//   ├─────────────────┴─┬───────────────────┴────────────────────┴──────────────────┴──────────────────┘
//   │ entryCount <4b>   │  then per partition that has files:
//   ├──────────────┬────┴───────────┬───────────────────┬────────────────┬─────────────────┬───────────┬────────────────┐
//   │ topicId <4b> │ partition <4b> │ logStartOffset<8b>│ endOffset <8b> │ segmentBase <8b>│ size <8b> │ sizeBytes <8b> │
//   ├──────────────┴───┬────────────┴───────────────────┴────────────────┴─────────────────┴───────────┴────────────────┘
//   │ lastBytesSize<2b>│ lastBytes     those of the segment's last sector: segment.ts says why
//   ├──────────────────┼───────────
//   │ runCount <4b>    │  then per run, in order: number <8b>      run.ts; since version 2
//   └──────────────────┘
//
// Always true: everything in the journal before the position lies durably in the segments that the entries name, or in
// these runs.
//
// After a crash: the old file or the new one. Damaged or missing: recovery.ts surveys the segments instead.

import { join } from 'node:path'
import type { Disk } from '../base/disk.ts'
import { readDurableFile, writeDurableFile } from '../base/durable-file.ts'
import { DwellError } from '../base/errors.ts'
import { readUInt64, writeUInt64 } from '../batch/record-batch.ts'
import type { JournalPosition } from '../journal/journal.ts'
import type { SafeEnd } from '../segment/partition-folder.ts'

export const CHECKPOINT_FORMAT = { magic: 'DWCP', version: 2, oldestVersion: 1 }
const ENTRY_SIZE = 50

export interface CheckpointEntry {
  topicId: number
  partition: number
  logStartOffset: number
  safe: SafeEnd
}

export interface Checkpoint {
  /** Names the boot of the machine in which it was written; empty when unknown. */
  bootId: string
  journal: JournalPosition
  entries: CheckpointEntry[]
  /** The numbers of the runs that count, in order. */
  runs: readonly number[]
}

export function checkpointPath(directory: string): string {
  return join(directory, 'checkpoint')
}

/** Replaces the checkpoint; resolves when durable. */
export async function writeCheckpoint(disk: Disk, directory: string, checkpoint: Checkpoint): Promise<void> {
  const { bootId, journal, entries, runs } = checkpoint
  const bootIdSize = Buffer.byteLength(bootId)
  const entriesSize = entries.reduce((sum, { safe }) => sum + ENTRY_SIZE + safe.lastBytes.length, 0)
  const bytes = Buffer.alloc(2 + bootIdSize + 28 + entriesSize + 4 + 8 * runs.length)
  bytes.writeUInt16BE(bootIdSize, 0)
  bytes.write(bootId, 2)
  let at = 2 + bootIdSize
  for (const value of [journal.sequence, journal.position, journal.frameNumber]) {
    writeUInt64(bytes, at, value)
    at += 8
  }
  at = bytes.writeUInt32BE(entries.length, at)
  for (const { topicId, partition, logStartOffset, safe } of entries) {
    bytes.writeUInt32BE(topicId, at)
    bytes.writeUInt32BE(partition, at + 4)
    writeUInt64(bytes, at + 8, logStartOffset)
    writeUInt64(bytes, at + 16, safe.endOffset)
    writeUInt64(bytes, at + 24, safe.baseOffset)
    writeUInt64(bytes, at + 32, safe.size)
    writeUInt64(bytes, at + 40, safe.sizeBytes)
    bytes.writeUInt16BE(safe.lastBytes.length, at + 48)
    bytes.set(safe.lastBytes, at + ENTRY_SIZE)
    at += ENTRY_SIZE + safe.lastBytes.length
  }
  at = bytes.writeUInt32BE(runs.length, at)
  for (const number of runs) {
    writeUInt64(bytes, at, number)
    at += 8
  }
  await writeDurableFile(disk, checkpointPath(directory), CHECKPOINT_FORMAT, bytes)
}

/** The checkpoint; 'missing' or 'damaged' when there is no good one. */
export async function readCheckpoint(disk: Disk, directory: string): Promise<Checkpoint | 'missing' | 'damaged'> {
  try {
    const bytes = await readDurableFile(disk, checkpointPath(directory), CHECKPOINT_FORMAT)
    return bytes === undefined ? 'missing' : decodeCheckpoint(bytes)
  } catch (error) {
    if (error instanceof DwellError && error.code === 'FILE_DAMAGED') return 'damaged'
    throw error
  }
}

/** Reads the contents of a checkpoint file. */
export function decodeCheckpoint(bytes: Buffer): Checkpoint {
  const bootIdEnd = 2 + bytes.readUInt16BE(0)
  const journal = {
    sequence: readUInt64(bytes, bootIdEnd),
    position: readUInt64(bytes, bootIdEnd + 8),
    frameNumber: readUInt64(bytes, bootIdEnd + 16),
  }
  const entries: CheckpointEntry[] = []
  const count = bytes.readUInt32BE(bootIdEnd + 24)
  let at = bootIdEnd + 28
  for (let i = 0; i < count; i++) {
    const end = at + ENTRY_SIZE + bytes.readUInt16BE(at + 48)
    entries.push({
      topicId: bytes.readUInt32BE(at),
      partition: bytes.readUInt32BE(at + 4),
      logStartOffset: readUInt64(bytes, at + 8),
      safe: {
        endOffset: readUInt64(bytes, at + 16),
        baseOffset: readUInt64(bytes, at + 24),
        size: readUInt64(bytes, at + 32),
        sizeBytes: readUInt64(bytes, at + 40),
        lastBytes: Buffer.from(bytes.subarray(at + ENTRY_SIZE, end)),
      },
    })
    at = end
  }
  const runs: number[] = []
  // A checkpoint of version 1 ends here.
  const runCount = at < bytes.length ? bytes.readUInt32BE(at) : 0
  for (let i = 0; i < runCount; i++) runs.push(readUInt64(bytes, at + 4 + 8 * i))
  return { bootId: bytes.toString('utf8', 2, bootIdEnd), journal, entries, runs }
}
