// All slots of the wheel, and the budget of memory that their unwritten entries share: when it is used up, the largest are
// written, largest first, so that each write is as large as the budget allows.

import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { assert, type Disk, DwellError } from '../../storage/index.ts'
import { ChunkPool } from './chunk-pool.ts'
import { type Chunk, Slot } from './slot.ts'
import { isSortedName, secondOf, slotPath } from './slot-files.ts'

const WRITES_AT_ONCE = 4
const STAGE_SIZE = 64 * 1024
/** A relief goes on until this share of the budget is in use. */
const RELIEVED_SHARE = 0.7

export interface SlotsOptions {
  disk: Disk
  directory: string
  /** Budget for entries that are not written. */
  memoryBytes: number
  /** A slot with more than that is hot: what is written to it is sorted. */
  hotBytes?: number
  /** Called after the largest slots have been written. */
  onRelieved: () => void
}

export class Slots {
  readonly #disk: Disk
  readonly #directory: string
  readonly #budgetBytes: number
  readonly #hotBytes: number | undefined
  readonly #onRelieved: () => void
  readonly #pool = new ChunkPool()
  readonly #slots = new Map<number, Slot>()
  /** Where writers join the chunks of a slot; free ones. */
  readonly #stages: Buffer[] = []
  #memoryBytes = 0
  #relief: Promise<void> | undefined
  #failure: unknown
  /** How many times a slot was written. */
  flushes = 0

  constructor({ disk, directory, memoryBytes, hotBytes, onRelieved }: SlotsOptions) {
    this.#disk = disk
    this.#directory = directory
    this.#budgetBytes = memoryBytes
    this.#hotBytes = hotBytes
    this.#onRelieved = onRelieved
  }

  /** Unwritten bytes in memory. */
  get memoryBytes(): number {
    return this.#memoryBytes
  }

  /** True when writing cannot keep up and no more should be added. */
  get crowded(): boolean {
    return this.#memoryBytes > 1.5 * this.#budgetBytes
  }

  get(second: number): Slot | undefined {
    return this.#slots.get(second)
  }

  values(): Iterable<Slot> {
    return this.#slots.values()
  }

  add(dueAtMs: number, offset: number, envelope: Buffer): Slot {
    const second = Math.floor(dueAtMs / 1000)
    let slot = this.#slots.get(second)
    if (slot === undefined) this.#slots.set(second, (slot = this.#make(second)))
    this.#memoryBytes += slot.add(dueAtMs, offset, envelope)
    return slot
  }

  /** A slot as a checkpoint knew it. */
  restore(second: number, fileSize: number): void {
    const slot = this.#make(second)
    slot.fileSize = fileSize
    this.#slots.set(second, slot)
  }

  /** Forgets what a slot holds, in memory and in its file: it is to be filled anew. Nothing of it may wait to be written. */
  startAnew(slot: Slot): void {
    assert(!slot.writing, 'what was sealed is written before a slot is begun anew')
    this.release(slot, slot.takeUnsealed())
    this.#slots.set(slot.second, this.#make(slot.second, slot.fileSize))
  }

  /** The first second from `from` up to `to` that has a slot. */
  nextSecond(from: number, to: number): number | undefined {
    if (to - from < this.#slots.size) {
      for (let second = from; second <= to; second++) if (this.#slots.has(second)) return second
      return undefined
    }
    // After downtime the range is far longer than there are slots.
    let first: number | undefined
    for (const second of this.#slots.keys()) {
      if (second >= from && second <= to && (first === undefined || second < first)) first = second
    }
    return first
  }

  /** Gives back what a slot has handed over. */
  release(slot: Slot, chunks: readonly Chunk[]): void {
    this.#memoryBytes -= slot.release(chunks)
  }

  /** Begins to write the largest slots when the budget is used up. */
  relieve(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#memoryBytes <= this.#budgetBytes || this.#relief !== undefined) return
    const largestFirst = [...this.#slots.values()]
      .filter((slot) => slot.unsealedBytes > 0)
      .sort((a, b) => b.unsealedBytes - a.unsealedBytes)
    let excessBytes = this.#memoryBytes - RELIEVED_SHARE * this.#budgetBytes
    const chosen: Slot[] = []
    for (const slot of largestFirst) {
      if (excessBytes <= 0) break
      excessBytes -= slot.unsealedBytes
      chosen.push(slot)
    }
    if (chosen.length === 0) return
    this.#relief = this.write(chosen, true)
      .catch((error) => {
        this.#failure = error
      })
      .finally(() => {
        this.#relief = undefined
        this.#onRelieved()
      })
  }

  /** Resolves when there is room for more: for who adds much, and beside the loop of the wheel. */
  async relieved(): Promise<void> {
    while (this.crowded) {
      this.relieve()
      await (this.#relief ?? nextTurn())
    }
  }

  /** Settles what the next write() of every slot writes; answers those that have something to write. */
  sealAll(): Slot[] {
    const unwritten: Slot[] = []
    for (const slot of this.#slots.values()) {
      if (slot.unsealedBytes === 0) continue
      slot.seal()
      unwritten.push(slot)
    }
    return unwritten
  }

  /** Writes slots, a few at once; with `seal` each is sealed just before. */
  async write(slots: readonly Slot[], seal: boolean): Promise<void> {
    let next = 0
    const writer = async () => {
      const stage = this.#stages.pop() ?? Buffer.allocUnsafeSlow(STAGE_SIZE)
      while (next < slots.length) {
        const slot = slots[next++]
        if (seal) slot.seal()
        try {
          const freedBytes = await slot.write(this.#disk, this.#directory, stage)
          this.#memoryBytes -= freedBytes
        } catch (error) {
          const path = slotPath(this.#directory, slot.second)
          const sentence = `The slot ${path} cannot be written: ${(error as Error).message}`
          throw new DwellError('SLOT_WRITE_FAILED', sentence, { path }, error)
        }
        this.flushes++
      }
      this.#stages.push(stage)
    }
    await Promise.all(Array.from({ length: WRITES_AT_ONCE }, writer))
  }

  /** Resolves when everything sealed so far has been written. */
  async written(): Promise<void> {
    await this.#relief
    if (this.#failure !== undefined) throw this.#failure
    for (const slot of this.#slots.values()) await slot.written()
  }

  /** Deletes the slots of all seconds before `second`. */
  async deleteBefore(second: number): Promise<void> {
    for (const slot of [...this.#slots.values()]) {
      if (slot.second >= second) continue
      await slot.written()
      this.release(slot, slot.takeUnsealed())
      this.#slots.delete(slot.second)
      if (slot.fileSize > 0) await this.#disk.remove(slotPath(this.#directory, slot.second))
    }
  }

  /** Deletes every file in the folder that is none of these slots, and what was sorted of them. */
  async deleteOthers(): Promise<void> {
    for (const name of await this.#disk.list(this.#directory)) {
      const second = secondOf(name)
      const isOther = second === undefined ? isSortedName(name) : !this.#slots.has(second)
      if (!isOther) continue
      await this.#disk.remove(join(this.#directory, name))
    }
  }

  #make(second: number, from = 0): Slot {
    return new Slot(second, this.#pool, this.#hotBytes, from)
  }
}
