// Where in a slot's file lies what: for each stretch of the file the first and the last message in it, in the order of firing.
// A slot may have a million entries, in no order, or as many sorted runs; who turns its pages reads it whole once, and then
// only the stretches that the next page may need.
//
// Always true: a stretch holds whole entries, and its bytes never change (slot.ts). What is behind the last one was not there
// yet when the file was last read; it is mapped when it is read.

import type { DiskFile } from '../../storage/index.ts'
import { BEGINNING, comparePlaces, lastPlaceOf, type Place } from '../entry/place.ts'
import {
  checkEntry,
  checkSlotHeader,
  damaged,
  dueAtMsAt,
  ENTRY_HEADER_SIZE,
  endAt,
  isMessageRank,
  ownOffsetAt,
  rankAt,
  readWhole,
  SLOT_HEADER_SIZE,
} from '../slot/slot-entry.ts'
import type { PageCollector } from './page-collector.ts'

const STRETCH_SIZE = 256 * 1024

interface Stretch {
  position: number
  end: number
  /** Of its messages. */
  first: Place
  last: Place
}

export class SlotMap {
  readonly #second: number
  readonly #stretches: Stretch[] = []
  #mapped: number

  /** Of the slot of `second`; what counts of its file begins at `from`. */
  constructor(second: number, from: number) {
    this.#second = second
    this.#mapped = from
  }

  /**
   * Hands `collector` the messages it wants of the first `size` bytes of the file; answers how many bytes were read.
   * @throws SLOT_DAMAGED, ENTRY_DAMAGED
   */
  async collect(file: DiskFile, size: number, collector: PageCollector): Promise<number> {
    const block = Buffer.allocUnsafeSlow(Math.min(STRETCH_SIZE, size))
    let readBytes = 0
    for (const { position, end, first, last } of this.#stretches.toSorted(compareFirst)) {
      if (!collector.wants(first, last)) continue
      collectEntries(await this.#read(file, position, end, block), this.#second, collector, position)
      readBytes += end - position
    }
    while (this.#mapped < size) readBytes += await this.#mapNext(file, size, block, collector)
    return readBytes
  }

  async #mapNext(file: DiskFile, size: number, block: Buffer, collector: PageCollector): Promise<number> {
    const second = this.#second
    const position = this.#mapped
    if (position === 0) {
      checkSlotHeader(await this.#read(file, 0, SLOT_HEADER_SIZE, block), second)
      this.#mapped = SLOT_HEADER_SIZE
      return SLOT_HEADER_SIZE
    }
    if (position + ENTRY_HEADER_SIZE > size) throw damaged(second, position, 'its last entry is not whole')
    let bytes = await this.#read(file, position, Math.min(size, position + STRETCH_SIZE), block)
    const firstEnd = endAt(bytes, 0, second, position)
    if (position + firstEnd > size) throw damaged(second, position, 'its last entry is not whole')
    if (firstEnd > bytes.length) bytes = await this.#read(file, position, position + firstEnd, block)
    const stretch = collectEntries(bytes, second, collector, position)
    if (comparePlaces(stretch.first, stretch.last) <= 0) this.#stretches.push(stretch)
    this.#mapped = stretch.end
    return bytes.length
  }

  /** @throws SLOT_DAMAGED */
  async #read(file: DiskFile, position: number, end: number, block: Buffer): Promise<Buffer> {
    const size = end - position
    const bytes = size > block.length ? Buffer.allocUnsafeSlow(size) : block.subarray(0, size)
    await readWhole(file, bytes, position, this.#second)
    return bytes
  }
}

/**
 * Hands `collector` what it wants of the whole entries in `bytes`; those from a file, where they begin at `filePosition`, are
 * checked first. Answers the stretch that they are. Only what is handed on is checked: whoever dispatches the rest checks it.
 * @throws SLOT_DAMAGED, ENTRY_DAMAGED
 */
export function collectEntries(
  bytes: Buffer,
  second: number,
  collector: PageCollector,
  filePosition?: number,
): Stretch {
  const position = filePosition ?? 0
  // No object an entry: what is in memory is walked at one go.
  const first = { ...lastPlaceOf(Number.MAX_SAFE_INTEGER) }
  const last = { ...BEGINNING }
  let at = 0
  while (at + ENTRY_HEADER_SIZE <= bytes.length) {
    const end = endAt(bytes, at, second, position + at)
    if (end > bytes.length) break
    const dueAtMs = dueAtMsAt(bytes, at)
    if (Math.floor(dueAtMs / 1000) !== second) throw damaged(second, position + at, 'an entry is of another second')
    if (isMessageRank(rankAt(bytes, at))) {
      const offset = ownOffsetAt(bytes, at)
      if (dueAtMs < first.dueAtMs || (dueAtMs === first.dueAtMs && offset < first.offset))
        setPlace(first, dueAtMs, offset)
      if (dueAtMs > last.dueAtMs || (dueAtMs === last.dueAtMs && offset > last.offset)) setPlace(last, dueAtMs, offset)
      if (collector.wantsOne(dueAtMs, offset)) {
        if (filePosition !== undefined) checkEntry(bytes, at, end, second, position + at)
        collector.add({ dueAtMs, offset }, bytes.subarray(at + ENTRY_HEADER_SIZE, end))
      }
    }
    at = end
  }
  return { position, end: position + at, first, last }
}

function setPlace(place: Place, dueAtMs: number, offset: number): void {
  place.dueAtMs = dueAtMs
  place.offset = offset
}

function compareFirst(a: Stretch, b: Stretch): number {
  return comparePlaces(a.first, b.first)
}
