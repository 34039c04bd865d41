// What is still readable inside of a damaged frame. A frame is all or nothing by its one checksum; but the record batches in it
// have their own, so a flipped bit need not cost more than the batch that it hit.
//
// A batch does not say which partition it is of, that stands in the part's header, which nothing but the frame's checksum
// covers. So a good batch is taken only if
//   1. its partition misses exactly such offsets here, or, when nothing follows in its partition, if it goes on where that
//      ends and another part of the frame explains why the checksum does not match; and
//   2. no other part of the frame claims the same place.

import { baseOffsetAt, damageOfBatchAt, lastOffsetAt, sizeOfBatchAt } from '../batch/record-batch.ts'
import type { JournalHole } from '../inspect/journal-survey.ts'
import type { StoredLog } from '../inspect/stored-log.ts'
import type { StoredPartition } from '../inspect/stored-partition.ts'
import { FRAME_HEADER_SIZE, frameSizeAt, PART_HEADER_SIZE, PartKind } from '../journal/journal-format.ts'

export interface ReadablePart {
  partition: StoredPartition
  baseOffset: number
  lastOffset: number
  contents: Buffer
}

/** In order of partition and offset; none unless the hole is exactly one frame, in its place. `holes` is its number from one. */
export async function readableParts(log: StoredLog, hole: JournalHole, holes: number): Promise<ReadablePart[]> {
  const { rooms, fromNumber, toNumber, behind } = hole
  const [room] = rooms
  if (rooms.length !== 1 || toNumber - fromNumber !== 1 || room.file.sequence !== behind.sequence) return []
  if (room.end === Number.POSITIVE_INFINITY) return []
  const bytes = Buffer.alloc(room.end - room.position)
  const file = await log.disk.open(room.file.path, 'read')
  try {
    await file.read(bytes, room.position)
  } finally {
    await file.close()
  }
  // A frame of an earlier use of the file may stand here too.
  if (room.file.header === undefined || frameSizeAt(bytes, 0, room.file.header) === 0) return []
  const { parts, isExplained } = goodPartsIn(bytes, log)
  const fitting = parts.filter(({ partition, baseOffset, lastOffset }) => {
    const gap = partition.gaps.find((one) => one.holes === holes)
    if (gap !== undefined) return baseOffset >= gap.offset && lastOffset <= gap.lastOffset
    return isExplained && baseOffset === partition.endOffset
  })
  const isAlone = (part: ReadablePart) =>
    fitting.every(
      (other) =>
        other === part ||
        other.partition !== part.partition ||
        other.baseOffset > part.lastOffset ||
        other.lastOffset < part.baseOffset,
    )
  return fitting.filter(isAlone).sort((a, b) => a.baseOffset - b.baseOffset)
}

/** `isExplained`: a part is damaged itself, which is why the frame's checksum does not match. */
function goodPartsIn(bytes: Buffer, log: StoredLog): { parts: ReadablePart[]; isExplained: boolean } {
  const partitions = [...log.partitions()]
  const parts: ReadablePart[] = []
  let isExplained = false
  for (let at = FRAME_HEADER_SIZE; at + PART_HEADER_SIZE <= bytes.length; ) {
    const [topicId, index, kind] = [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4), bytes.readUInt32BE(at + 8)]
    const end = at + PART_HEADER_SIZE + bytes.readUInt32BE(at + 12)
    if ((kind !== PartKind.batch && kind !== PartKind.logStart) || end > bytes.length) break
    const contents = bytes.subarray(at + PART_HEADER_SIZE, end)
    at = end
    if (kind !== PartKind.batch) continue
    if (sizeOfBatchAt(contents, 0) !== contents.length || damageOfBatchAt(contents, 0) !== undefined) {
      isExplained = true
      continue
    }
    const partition = partitions.find((one) => one.topicId === topicId && one.index === index)
    if (partition?.topic === undefined) continue
    parts.push({ partition, baseOffset: baseOffsetAt(contents, 0), lastOffset: lastOffsetAt(contents, 0), contents })
  }
  return { parts, isExplained }
}
