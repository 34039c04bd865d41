// One acquisition: what one call takes, from any number of sources, under one token and one lock. Made in a single turn.

import type { Clock } from '../../storage/index.ts'
import { deliver } from './deliver.ts'
import type { Delivery } from './delivery.ts'
import { DeltaWriter } from './group-log.ts'
import { ReceiptWriter } from './receipt.ts'
import type { Source } from './source.ts'

/** A call gets no more bytes than this, and the record that goes beyond it. */
const BYTES_MAX = 16 * 1024 * 1024

export class Acquisition {
  readonly lock: { lockMs: number; deadlineMs: number }
  readonly deliveries: Delivery[] = []
  /** What `__groups` has to say of it. */
  readonly delta = new DeltaWriter()
  readonly #token: Buffer
  readonly #lockedUntilMs: number
  readonly #receipts: ReceiptWriter
  readonly #bytesMax: number
  #bytes = 0

  constructor(token: Buffer, lockMs: number, clock: Clock, bytesMax: number = BYTES_MAX) {
    this.#bytesMax = Math.min(bytesMax, BYTES_MAX)
    this.lock = { lockMs, deadlineMs: clock.monotonicMs() + lockMs }
    this.#token = token
    this.#lockedUntilMs = clock.wallMs() + lockMs
    this.#receipts = new ReceiptWriter(token)
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax
  }

  /** Takes up to `countMax` records of those that the source has ready. */
  take(source: Source, countMax: number): void {
    const records = source.peek(countMax)
    let count = 0
    while (count < records.length && !this.isFull) {
      const record = records[count++]
      this.#bytes += record.body.length
      const receipt = this.#receipts.write(source.place.index, record.offset)
      this.deliveries.push(deliver(source, record, receipt, this.#lockedUntilMs))
    }
    if (count < records.length) records.length = count
    source.acquire(records, this.#token, this.lock, this.delta)
  }
}
