// All slots of the wheel, and the budget of memory that their unwritten entries share: when it is used up, the largest are
// written, largest first, so that each write is as large as the budget allows.

import { join } from 'node:path'
import { type Disk, DwellError } from '../storage/index.ts'
import { ChunkPool } from './chunk-pool.ts'
import { type Chunk, SLOT_SUFFIX, Slot } from './slot.ts'

const WRITES_AT_ONCE = 4
const STAGE_SIZE = 64 * 1024
/** A relief goes on until this share of the budget is in use. */
const RELIEVED_SHARE = 0.7

export interface SlotsOptions {
  disk: Disk
  directory: string
  /** Budget for entries that are not written. */
  memoryBytes: number
  /** Called after the largest slots have been written. */
  onRelieved: () => void
}

export class Slots {
  readonly #disk: Disk
  readonly #directory: string
  readonly #budgetBytes: number
  readonly #onRelieved: () => void
  readonly #pool = new ChunkPool()
  readonly #slots = new Map<number, Slot>()
  /** Where writers join the chunks of a slot; free ones. */
  readonly #stages: Buffer[] = []
  #memoryBytes = 0
  #relief: Promise<void> | undefined
  #failure: unknown
  /** The slot that is being read; it must not move bytes from memory to its file meanwhile. */
  reading: Slot | undefined
  /** How many times a slot was written. */
  flushes = 0

  constructor({ disk, directory, memoryBytes, onRelieved }: SlotsOptions) {
    this.#disk = disk
    this.#directory = directory
    this.#budgetBytes = memoryBytes
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
    if (slot === undefined) this.#slots.set(second, (slot = new Slot(second, this.#pool)))
    this.#memoryBytes += slot.add(dueAtMs, offset, envelope)
    return slot
  }

  /** A slot as a checkpoint knew it. */
  restore(second: number, count: number, fileSize: number): void {
    const slot = new Slot(second, this.#pool)
    slot.count = count
    slot.fileSize = fileSize
    this.#slots.set(second, slot)
  }

  /** Forgets what a slot holds, in memory and in its file, but not how many messages: to be filled anew. */
  startAnew(slot: Slot): Slot {
    this.release(slot, this.takeUnsealed(slot))
    const fresh = new Slot(slot.second, this.#pool)
    fresh.count = slot.count
    this.#slots.set(slot.second, fresh)
    if (this.reading === slot) this.reading = undefined
    return fresh
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

  /** Hands over what a slot has not sealed, to be read and then released. */
  takeUnsealed(slot: Slot): Chunk[] {
    return slot.takeUnsealed()
  }

  release(slot: Slot, chunks: readonly Chunk[]): void {
    this.#memoryBytes -= slot.release(chunks)
  }

  /** Begins to write the largest slots when the budget is used up. */
  relieve(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#memoryBytes <= this.#budgetBytes || this.#relief !== undefined) return
    const largestFirst = [...this.#slots.values()]
      .filter((slot) => slot.unsealedBytes > 0 && slot !== this.reading)
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

  /** Writes slots, a few at once; with `seal` each is sealed just before, unless it is being read. */
  async write(slots: readonly Slot[], seal: boolean): Promise<void> {
    let next = 0
    const writer = async () => {
      const stage = this.#stages.pop() ?? Buffer.allocUnsafeSlow(STAGE_SIZE)
      while (next < slots.length) {
        const slot = slots[next++]
        if (seal && slot !== this.reading) slot.seal()
        try {
          const freedBytes = await slot.write(this.#disk, this.#directory, stage)
          this.#memoryBytes -= freedBytes
        } catch (error) {
          const path = join(this.#directory, slot.name)
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
      this.release(slot, this.takeUnsealed(slot))
      this.#slots.delete(slot.second)
      if (slot.fileSize > 0) await this.#disk.remove(join(this.#directory, slot.name))
    }
  }

  /** Deletes every slot file in the folder that is not one of these slots. */
  async deleteOthers(): Promise<void> {
    for (const name of await this.#disk.list(this.#directory)) {
      const second = Number(name.slice(0, -SLOT_SUFFIX.length))
      if (!name.endsWith(SLOT_SUFFIX) || this.#slots.has(second)) continue
      await this.#disk.remove(join(this.#directory, name))
    }
  }
}
