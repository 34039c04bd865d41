// Durable files in words: the checkpoint of the log, those of the wheel, the identity.

import {
  CHECKPOINT_FORMAT,
  CLEANED_FORMAT,
  type Disk,
  decodeCheckpoint,
  decodeCleanedMark,
  inspectDurableFile,
} from '../../../storage/index.ts'
import {
  decodeSynced,
  decodeWheelCheckpoint,
  SYNCED_FORMAT,
  WHEEL_CHECKPOINT_FORMAT,
  type WheelCheckpoint,
} from '../../../timewheel/index.ts'
import { bytesOf, count, timeOf } from '../words.ts'
import { type DumpOptions, Limit, type Line } from './line.ts'

export const DURABLE_MAGICS = ['DWCP', 'DWWC', 'DWWS', 'DWID', 'DWCL']

export async function* durableLines(disk: Disk, path: string, options: DumpOptions): AsyncGenerator<Line> {
  const found = await inspectDurableFile(disk, path)
  if (found === undefined) return void (yield { damage: 'It ends within its header.' })
  const { magic, version, contents, damage } = found
  const what =
    {
      DWCP: 'checkpoint of the log',
      DWWC: 'checkpoint of the wheel',
      DWWS: 'synced checkpoint of the wheel',
      DWID: 'identity',
      DWCL: 'how far a partition is cleaned',
    }[magic] ?? 'durable file'
  yield `${what} (${magic} version ${version}), ${bytesOf(found.size)} of contents`
  if (contents === undefined) return void (yield { damage: damage as string })
  try {
    if (magic === 'DWID') yield contents.toString()
    else if (magic === 'DWCP' && version <= CHECKPOINT_FORMAT.version) yield* checkpointLines(contents, options)
    else if (magic === 'DWWC' && version <= WHEEL_CHECKPOINT_FORMAT.version)
      yield* wheelLines(decodeWheelCheckpoint(contents), options)
    else if (magic === 'DWWS' && version === SYNCED_FORMAT.version) {
      const { checkpoint, tails } = decodeSynced(contents)
      yield `${count(tails.size, 'slot')} with a copy of their last sector`
      yield* wheelLines(checkpoint, options)
    } else if (magic === 'DWCL' && version === CLEANED_FORMAT.version) {
      const { cleanedTo, gapsTo, horizonMs } = decodeCleanedMark(contents)
      yield `cleaned up to offset ${cleanedTo}, gaps are right before offset ${gapsTo}, ${horizonMs === 0 ? 'no tombstone waits' : `the first tombstones go at ${timeOf(horizonMs)}`}`
    } else yield { damage: `This program does not read version ${version}.` }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    yield { damage: 'Its contents end before their fields do.' }
  }
}

function* checkpointLines(contents: Buffer, options: DumpOptions): Generator<Line> {
  const { bootId, journal, entries } = decodeCheckpoint(contents)
  yield `written in boot ${bootId || 'unknown'}`
  yield `replay begins in journal file ${journal.sequence} at byte ${journal.position}, with frame ${journal.frameNumber}`
  yield `${count(entries.length, 'partition')} with segments`
  const limit = new Limit(options)
  for (const { topicId, partition, logStartOffset, safe } of entries) {
    if (!limit.take()) return
    const { endOffset, baseOffset, size, sizeBytes, lastBytes } = safe
    yield `topic id ${topicId} partition ${partition}: log start ${logStartOffset}, safe up to ${endOffset}, ` +
      `segment ${baseOffset} up to byte ${size}, ${bytesOf(sizeBytes)} in all, ${bytesOf(lastBytes.length)} of its last sector kept`
  }
}

function* wheelLines(checkpoint: WheelCheckpoint, options: DumpOptions): Generator<Line> {
  const { bootId, consumed, moved, overflowSequence, overflowCount, overflowLastDueAtMs, slots, stretches, nowMs } =
    checkpoint
  yield `written in boot ${bootId || 'unknown'}`
  if (nowMs !== undefined) yield `the hand's clock was at ${timeOf(nowMs)}`
  yield `__delay is consumed up to offset ${consumed}`
  yield `overflow: ${count(overflowCount, 'row')} not moved, sequence ${overflowSequence}, latest due ${timeOf(overflowLastDueAtMs)}; moved up to ${timeOf(moved.dueAtMs)} offset ${moved.offset}`
  yield `${count(slots.length, 'slot')}, ${count(stretches.length, 'stretch', 'stretches')} of __delay`
  const limit = new Limit(options)
  for (const { second, count: messages, fileSize } of slots) {
    if (!limit.take()) return
    yield `slot ${second} (${timeOf(second * 1000)}): ${count(messages, 'message')}, ${bytesOf(fileSize)} in its file`
  }
  for (const { fromOffset, neededUntilMs } of stretches) {
    if (!limit.take()) return
    yield `__delay from offset ${fromOffset}: needed until ${timeOf(neededUntilMs)}`
  }
}
