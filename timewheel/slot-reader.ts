// Reads a slot in pieces that fit into memory: each piece holds the entries that come next in the order of firing, as many
// as its budget takes, whatever the order in which they lie in the file.
//
// Always true:
//   1. Each piece is one pass through the file. While the budget is used up, the later half of what was kept is forgotten
//      and found again by the next piece.
//   2. Cancels count wherever they lie, also behind the last place of a piece.
//   3. A checksum that does not match ends the reading; what was read up to there is not used (SLOT_DAMAGED).

import { assert, crc32c, type DiskFile, DwellError, readUInt64 } from '../storage/index.ts'
import { CANCEL, checkEnvelope, kindOf, targetOf } from './entry.ts'
import { comparePlaces, type Place } from './place.ts'
import { type Chunk, ENTRY_HEADER_SIZE, SLOT_HEADER_SIZE, SLOT_MAGIC, SLOT_VERSION } from './slot.ts'

/** A message on its way to the hand. */
export interface ReadyEntry extends Place {
  envelope: Buffer
  /** Lies in the slot's file already, so a checkpoint need not write it. */
  stored: boolean
}

export interface SlotPiece {
  /** In the order of firing; doubles and cancelled messages are left out. */
  entries: ReadyEntry[]
  /** The place up to which nothing is missing; undefined when that is the end of the slot. */
  upTo: Place | undefined
  /** Offsets of all messages that the slot's cancels name. */
  cancelled: Set<number>
}

const READ_SIZE = 1024 * 1024
/** What an entry costs in memory beside its bytes. */
export const READY_ENTRY_OVERHEAD = 200

/** Collects the entries behind `after` that come first, within `budgetBytes` (always at least one). */
export class PieceCollector {
  readonly #after: Place
  readonly budgetBytes: number
  #upTo: Place | undefined
  #entries: ReadyEntry[] = []
  #bytes = 0
  readonly cancelled = new Set<number>()

  constructor(after: Place, budgetBytes: number) {
    this.#after = after
    this.budgetBytes = budgetBytes
  }

  /** Takes an entry; `copy` when its envelope is a view into memory that must not be kept for it alone. */
  add(dueAtMs: number, offset: number, envelope: Buffer, stored: boolean, copy: boolean): void {
    if (kindOf(envelope) === CANCEL) {
      this.cancelled.add(targetOf(envelope).offset)
      return
    }
    const place = { dueAtMs, offset }
    if (comparePlaces(place, this.#after) <= 0) return
    if (this.#upTo !== undefined && comparePlaces(place, this.#upTo) > 0) return
    this.#entries.push({ dueAtMs, offset, envelope: copy ? Buffer.from(envelope) : envelope, stored })
    this.#bytes += envelope.length + READY_ENTRY_OVERHEAD
    if (this.#bytes > 2 * this.budgetBytes) this.#forgetLater()
  }

  finish(): SlotPiece {
    if (this.#bytes > this.budgetBytes) this.#forgetLater()
    else this.#entries.sort(comparePlaces)
    const entries = this.#entries.filter(
      ({ offset }, i) => !this.cancelled.has(offset) && (i === 0 || this.#entries[i - 1].offset !== offset),
    )
    return { entries, upTo: this.#upTo, cancelled: this.cancelled }
  }

  #forgetLater(): void {
    this.#entries.sort(comparePlaces)
    let bytes = 0
    let kept = 0
    while (kept < this.#entries.length && (kept === 0 || bytes <= this.budgetBytes)) {
      bytes += this.#entries[kept++].envelope.length + READY_ENTRY_OVERHEAD
    }
    if (kept === this.#entries.length) return
    this.#entries.length = kept
    this.#bytes = bytes
    const { dueAtMs, offset } = this.#entries[kept - 1]
    this.#upTo = { dueAtMs, offset }
  }
}

/**
 * Hands every entry in the first `fileSize` bytes of a slot's file to `collector`.
 * @throws SLOT_DAMAGED
 */
export async function readSlotFile(
  file: DiskFile,
  second: number,
  fileSize: number,
  collector: PieceCollector,
): Promise<void> {
  // Views would keep whole blocks in memory for the few entries of a piece.
  const copy = fileSize > collector.budgetBytes
  let carried: Buffer = Buffer.alloc(0)
  for (let position = 0; position < fileSize; ) {
    const wanted = Math.min(READ_SIZE, fileSize - position)
    const block = Buffer.allocUnsafeSlow(carried.length + wanted)
    block.set(carried)
    const read = await file.read(block.subarray(carried.length), position)
    if (read < wanted) throw damaged(second, position + read, `it ends ${fileSize - position - read} bytes too early`)
    if (position === 0) checkHeader(block, second)
    const start = position === 0 ? SLOT_HEADER_SIZE : 0
    const end = forEachEntry(block, start, second, (dueAtMs, offset, envelope) => {
      collector.add(dueAtMs, offset, envelope, true, copy)
    })
    position += read
    carried = block.subarray(end)
  }
  if (carried.length > 0) throw damaged(second, fileSize - carried.length, 'its last entry is not whole')
}

/** Hands every entry of bytes that were never written to `collector`. */
export function collectUnwritten(chunks: readonly Chunk[], second: number, collector: PieceCollector): void {
  for (const { bytes, used } of chunks) {
    const end = forEachEntry(bytes.subarray(0, used), 0, second, (dueAtMs, offset, envelope) => {
      collector.add(dueAtMs, offset, envelope, false, true)
    })
    assert(end === used, 'a slot keeps whole entries in memory')
  }
}

/** Calls `each` for every whole entry from `position` on; answers the position behind the last of them. */
export function forEachEntry(
  bytes: Buffer,
  position: number,
  second: number,
  each: (dueAtMs: number, offset: number, envelope: Buffer) => void,
): number {
  while (position + ENTRY_HEADER_SIZE <= bytes.length) {
    const end = position + 8 + bytes.readUInt32BE(position)
    if (end < position + ENTRY_HEADER_SIZE) throw damaged(second, position, 'an entry is shorter than its header')
    if (end > bytes.length) {
      if (end - position > MAX_ENTRY_SIZE) throw damaged(second, position, 'an entry is larger than any can be')
      break
    }
    if (bytes.readUInt32BE(position + 4) !== crc32c(bytes.subarray(position + 8, end))) {
      throw damaged(second, position, 'a checksum does not match')
    }
    const dueAtMs = readUInt64(bytes, position + 8)
    if (Math.floor(dueAtMs / 1000) !== second) throw damaged(second, position, 'an entry is of another second')
    const offset = readUInt64(bytes, position + 16)
    const envelope = bytes.subarray(position + ENTRY_HEADER_SIZE, end)
    checkEnvelope(envelope, offset)
    each(dueAtMs, offset, envelope)
    position = end
  }
  return position
}

const MAX_ENTRY_SIZE = 64 * 1024 * 1024

function checkHeader(bytes: Buffer, second: number): void {
  const magic = bytes.toString('latin1', 0, 4)
  if (magic !== SLOT_MAGIC) throw damaged(second, 0, `it does not begin with ${SLOT_MAGIC}`)
  const version = bytes.readUInt16BE(4)
  if (version !== SLOT_VERSION)
    throw damaged(second, 4, `its version is ${version}, this program reads ${SLOT_VERSION}`)
}

function damaged(second: number, position: number, why: string): DwellError {
  return new DwellError('SLOT_DAMAGED', `The slot ${second} is damaged at byte ${position}: ${why}.`, {
    second,
    position,
  })
}
