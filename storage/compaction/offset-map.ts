// The last offset of each key, in a fixed budget of memory: what compaction knows of the dirty part of a log.
//
//   ┌──────────────────────────┬──────────────┐
//   │ SHA-256 of the key <16b> │ offset <8b>  │   per slot; an empty slot has the offset 0 (offsets are stored plus one)
//   └──────────────────────────┴──────────────┘
//
// Keys are not kept. Two keys with the same 128 bits would count as one, and one would be lost: nobody can make such a pair.
// Open addressing, the next free slot behind; never more than nine tenths full, so that looking stays short.

import { hash } from 'node:crypto'
import { readUInt64, writeUInt64 } from '../batch/record-batch.ts'

const HASH_SIZE = 16
const SLOT_SIZE = HASH_SIZE + 8
const LOAD_MAX = 0.9

export class OffsetMap {
  readonly #slots: Buffer
  readonly #slotCount: number
  readonly #countMax: number
  #count = 0

  /** Of at most `memoryBytes`, and no larger than `keysMax` keys need. */
  constructor(memoryBytes: number, keysMax: number) {
    const wanted = Math.ceil(keysMax / LOAD_MAX) + 1
    this.#slotCount = Math.max(2, Math.min(Math.floor(memoryBytes / SLOT_SIZE), wanted))
    this.#countMax = Math.max(1, Math.floor(this.#slotCount * LOAD_MAX))
    this.#slots = Buffer.alloc(this.#slotCount * SLOT_SIZE)
  }

  get count(): number {
    return this.#count
  }

  /** Remembers that `key` is at `offset`, which is above all before; false when there is no room for another key. */
  put(key: Uint8Array, offset: number): boolean {
    const digest = digestOf(key)
    const at = this.#slotOf(digest)
    if (readUInt64(this.#slots, at + HASH_SIZE) === 0) {
      if (this.#count === this.#countMax) return false
      this.#count++
      this.#slots.set(digest, at)
    }
    writeUInt64(this.#slots, at + HASH_SIZE, offset + 1)
    return true
  }

  /** The last offset of `key`; -1 for one that is not here. */
  get(key: Uint8Array): number {
    return readUInt64(this.#slots, this.#slotOf(digestOf(key)) + HASH_SIZE) - 1
  }

  /** Where the slot of `digest` is, or would be. */
  #slotOf(digest: Buffer): number {
    let slot = digest.readUInt32BE(0) % this.#slotCount
    for (;;) {
      const at = slot * SLOT_SIZE
      if (readUInt64(this.#slots, at + HASH_SIZE) === 0) return at
      if (digest.compare(this.#slots, at, at + HASH_SIZE) === 0) return at
      slot = slot + 1 === this.#slotCount ? 0 : slot + 1
    }
  }
}

function digestOf(key: Uint8Array): Buffer {
  return hash('sha256', key, 'buffer').subarray(0, HASH_SIZE)
}
