// What `__delay` holds, offset by offset, in a few bytes each: so that slots and overflow can be held against it in any order.

import { crc32c } from '../../storage/index.ts'
import { isMessage, isWithdrawal, kindOf, MOVED, targetOf, withdrawalOf } from '../entry/entry.ts'

const READ = 0b0001
const MESSAGE = 0b0010
/** A slot or an overflow row has it. */
const KEPT = 0b0100
/** Cancelled, or moved to another place. */
const WITHDRAWN = 0b1000
/** Dispatched, or behind what the checkpoint consumed: nobody has to keep it. */
const SETTLED = 0b1_0000

export class DelayTable {
  readonly fromOffset: number
  readonly #flags: Uint8Array
  readonly #checksums: Uint32Array
  /** Of what lies for a moved message in the slot that it was moved from. */
  readonly #withdrawals = new Map<number, number>()

  /** For the offsets from `fromOffset` up to `toOffset`. */
  constructor(fromOffset: number, toOffset: number) {
    this.fromOffset = fromOffset
    this.#flags = new Uint8Array(Math.max(0, toOffset - fromOffset))
    this.#checksums = new Uint32Array(this.#flags.length)
  }

  has(offset: number): boolean {
    return offset >= this.fromOffset && offset < this.fromOffset + this.#flags.length
  }

  /** The entry at `offset`, which may be settled as a message. */
  add(offset: number, envelope: Buffer, settled: boolean): void {
    const at = offset - this.fromOffset
    this.#flags[at] |= READ | (isMessage(envelope) ? MESSAGE : 0) | (settled ? SETTLED : 0)
    // Of a message its slot has all; what takes one away may say more here than there.
    this.#checksums[at] = crc32c(isWithdrawal(envelope) ? withdrawalOf(envelope) : envelope)
    if (kindOf(envelope) === MOVED) this.#withdrawals.set(offset, crc32c(withdrawalOf(envelope)))
    if (kindOf(envelope) === MOVED || isWithdrawal(envelope)) this.withdraw(targetOf(envelope).offset)
  }

  /** The message at `target` waits there no more. */
  withdraw(target: number): void {
    if (this.has(target)) this.#flags[target - this.fromOffset] |= WITHDRAWN
  }

  /**
   * An entry with this envelope is kept; false when `__delay` says something else at this offset. Where it cannot be read
   * any more, nobody knows better.
   */
  keep(offset: number, envelope: Buffer): boolean {
    const at = offset - this.fromOffset
    if ((this.#flags[at] & READ) === 0) return true
    const checksum = crc32c(envelope)
    if (this.#checksums[at] !== checksum) return this.#withdrawals.get(offset) === checksum
    this.#flags[at] |= KEPT
    return true
  }

  /** Offsets of messages that are pending and that nothing keeps. */
  *lost(): Generator<number> {
    for (let at = 0; at < this.#flags.length; at++) {
      if ((this.#flags[at] & (MESSAGE | KEPT | WITHDRAWN | SETTLED)) === MESSAGE) yield this.fromOffset + at
    }
  }
}
