// One acquisition: what one call takes, from any number of sources, under one token and one lock. Made in a single turn.

import type { Clock } from '../../../storage/index.ts'
import { deliver } from '../deliver.ts'
import type { Delivery } from '../delivery.ts'
import { DeltaWriter } from '../group/group-log.ts'
import { ReceiptWriter } from '../source/receipt.ts'
import type { Source } from '../source/source.ts'

/** A call gets no more bytes than this, and the record that goes beyond it. */
const BYTES_MAX = 16 * 1024 * 1024

export interface AcquisitionOptions {
  clock: Clock
  token: Buffer
  lockMs: number
  bytesMax?: number
  /** With how many records at most, itself one of them, this one comes. */
  companyMax(delivery: Delivery): number
}

export class Acquisition {
  readonly lock: { lockMs: number; deadlineMs: number }
  readonly deliveries: Delivery[] = []
  /** What `__groups` has to say of it. */
  readonly delta = new DeltaWriter()
  readonly #token: Buffer
  readonly #lockedUntilMs: number
  readonly #receipts: ReceiptWriter
  readonly #bytesMax: number
  readonly #companyMax: AcquisitionOptions['companyMax']
  #bytes = 0
  /** The least company of those that were taken. */
  #countMax = Number.POSITIVE_INFINITY

  constructor({ clock, token, lockMs, bytesMax = BYTES_MAX, companyMax }: AcquisitionOptions) {
    this.#bytesMax = Math.min(bytesMax, BYTES_MAX)
    this.lock = { lockMs, deadlineMs: clock.monotonicMs() + lockMs }
    this.#token = token
    this.#lockedUntilMs = clock.wallMs() + lockMs
    this.#receipts = new ReceiptWriter(token)
    this.#companyMax = companyMax
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax || this.deliveries.length >= this.#countMax
  }

  /**
   * Takes up to `countMax` records of those that the source has ready. False when it ended at one that must not come with
   * so many others.
   */
  take(source: Source, countMax: number): boolean {
    const records = source.peek(countMax)
    let count = 0
    let joins = true
    for (; count < records.length && !this.isFull; count++) {
      const record = records[count]
      const receipt = this.#receipts.write(source.place.index, record.offset)
      const delivery = deliver(source, record, receipt, this.#lockedUntilMs)
      const companyMax = this.#companyMax(delivery)
      joins = this.deliveries.length < companyMax
      if (!joins) break
      this.#countMax = Math.min(this.#countMax, companyMax)
      this.#bytes += record.body.length
      this.deliveries.push(delivery)
    }
    if (count < records.length) records.length = count
    source.acquire(records, this.#token, this.lock, this.delta)
    return joins
  }
}
