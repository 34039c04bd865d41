// What `__delay` holds, offset by offset, in a few bytes each: so that slots and overflow can be held against it in any order.

import { crc32c } from '../../storage/index.ts'

const NONE = 0
const MESSAGE = 1
const CANCEL = 2
const KIND = 0b0011
/** A slot or an overflow row has it. */
const KEPT = 0b0100
const CANCELLED = 0b1000
/** Dispatched, or behind what the checkpoint consumed: nobody has to keep it. */
const SETTLED = 0b1_0000

export class DelayTable {
  readonly fromOffset: number
  readonly #flags: Uint8Array
  readonly #checksums: Uint32Array

  /** For the offsets from `fromOffset` up to `toOffset`. */
  constructor(fromOffset: number, toOffset: number) {
    this.fromOffset = fromOffset
    this.#flags = new Uint8Array(Math.max(0, toOffset - fromOffset))
    this.#checksums = new Uint32Array(this.#flags.length)
  }

  has(offset: number): boolean {
    return offset >= this.fromOffset && offset < this.fromOffset + this.#flags.length
  }

  addMessage(offset: number, envelope: Buffer, settled: boolean): void {
    const at = offset - this.fromOffset
    this.#flags[at] |= MESSAGE | (settled ? SETTLED : 0)
    this.#checksums[at] = crc32c(envelope)
  }

  addCancel(offset: number, envelope: Buffer, target: number): void {
    this.#flags[offset - this.fromOffset] |= CANCEL | SETTLED
    this.#checksums[offset - this.fromOffset] = crc32c(envelope)
    this.cancel(target)
  }

  /** The message at `target` was cancelled. */
  cancel(target: number): void {
    if (this.has(target)) this.#flags[target - this.fromOffset] |= CANCELLED
  }

  /**
   * An entry with this envelope is kept; false when `__delay` says something else at this offset. Where it cannot be read
   * any more, nobody knows better.
   */
  keep(offset: number, envelope: Buffer): boolean {
    const at = offset - this.fromOffset
    if ((this.#flags[at] & KIND) === NONE) return true
    if (this.#checksums[at] !== crc32c(envelope)) return false
    this.#flags[at] |= KEPT
    return true
  }

  /** Offsets of messages that are pending and that nothing keeps. */
  *lost(): Generator<number> {
    for (let at = 0; at < this.#flags.length; at++) {
      const flags = this.#flags[at]
      if ((flags & KIND) === MESSAGE && (flags & (KEPT | CANCELLED | SETTLED)) === 0) yield this.fromOffset + at
    }
  }
}
