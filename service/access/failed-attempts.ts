// How often wrong tokens came from an address. Each address may be wrong a few times at once and then so often a minute;
// beyond that it is told when to come back, and no signature of its tokens is computed. A token of the file that is right is
// taken all the same: others may share the address, and 256 random bits are not found by trying.
//
// Always true: the table has at most ADDRESSES_MAX rows; the address that was wrong the longest ago is forgotten first.

import type { Clock } from '../../storage/index.ts'
import { TokenBucket } from '../quotas/token-bucket.ts'
import { networkOf } from './client-network.ts'

const ADDRESSES_MAX = 10_000
const AT_ONCE = 20
const PER_MINUTE = 20

export class FailedAttempts {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #buckets = new Map<string, TokenBucket>()
  /** Since the start. */
  count = 0

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  /** How long it is until this address may be wrong again; 0 when it may. */
  waitMs(address: string): number {
    return this.#buckets.get(networkOf(address))?.waitMs ?? 0
  }

  add(address: string): void {
    this.count++
    const network = networkOf(address)
    const bucket = this.#buckets.get(network) ?? new TokenBucket(this.#clock, PER_MINUTE / 60, AT_ONCE)
    bucket.spend(1)
    // Behind all others.
    this.#buckets.delete(network)
    this.#buckets.set(network, bucket)
    if (this.#buckets.size > ADDRESSES_MAX) this.#buckets.delete(this.#buckets.keys().next().value as string)
  }
}
