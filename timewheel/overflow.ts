// What is due beyond the wheel's reach, ordered by its place, in a key-value store; and the fates of messages that were
// cancelled or moved, for as long as they are remembered.
//
// Always true:
//   1. A row is written once and stays until the mark has passed it, also when it was copied into a slot: together with
//      `__delay` the rows are all there is.
//   2. Rows gather in memory and are written in synced batches, in order; each batch raises the sequence in the ledger row.
//      A checkpoint names the sequence it relies on: a store that is older has lost rows.
//   3. Each batch leaves a row that says that it is there, for the last BATCHES_KEPT of them. LevelDB passes over damaged
//      blocks of its write-ahead file without a word, so that a batch can be gone and later ones there.
//
//   key 'd' · dueAtMs <8b> · offset <8b>   →   envelope
//   key 'c' · dueAtMs <8b> · offset <8b>   →   its fate: see fate.ts          until the look-up window is over
//   key 'b' · sequence <8b>                →   nothing
//   key 'l'                                →   sequence <8b> · batchesFrom <8b>  the first batch that has such a row
//
// After a crash: rows that were not written yet come again from `__delay`.

import {
  DwellError,
  type KeyedWrite,
  type KeyRange,
  type KeyValueStore,
  readUInt64,
  writeUInt64,
} from '../storage/index.ts'
import { decodeFate, encodeFate, type Fate } from './entry/fate.ts'
import { comparePlaces, type Place } from './entry/place.ts'

const LEDGER_KEY = Buffer.from('l')
const GATHERED_BYTES_MAX = 1024 * 1024
const WAITING_BYTES_MAX = 16 * 1024 * 1024
/** Of rows that hold a message, which may be large: so many are in memory at once. */
export const ROWS_AT_ONCE = 128
const BATCHES_AT_ONCE = 5_000
/** Far more than are in a write-ahead file of LevelDB (16 MiB) as a rule: what went from there into tables is checked by LevelDB. */
const BATCHES_KEPT = 10_000

export class Overflow {
  readonly #store: KeyValueStore
  #gathered = new Map<string, KeyedWrite>()
  #writing = new Map<string, KeyedWrite>()
  #gatheredBytes = 0
  #written: Promise<void> = Promise.resolve()
  #failure: unknown
  #sequence: number
  #batchesFrom: number
  #trimmedMs = { done: 0, forgotten: 0 }
  readonly #onWritten: () => void
  /** The latest due time of any row there ever was. */
  lastDueAtMs = 0

  /** `onWritten` is called after each batch, also when it could not be written: see check(). */
  constructor(store: KeyValueStore, onWritten: () => void = () => {}) {
    this.#store = store
    this.#onWritten = onWritten
    const ledger = store.get(LEDGER_KEY)
    this.#sequence = ledger === undefined ? 0 : readUInt64(ledger, 0)
    // A ledger without it is of a time when batches left no row.
    this.#batchesFrom = ledger !== undefined && ledger.length >= 16 ? readUInt64(ledger, 8) : this.#sequence + 1
  }

  /** The sequence that the ledger will have when all that is gathered now is durable. */
  get sequence(): number {
    return this.#sequence + (this.#gathered.size > 0 ? 1 : 0)
  }

  /** True when so much waits to be written that no more should be added. */
  get crowded(): boolean {
    return this.#gatheredBytes > WAITING_BYTES_MAX
  }

  put(place: Place, envelope: Buffer): void {
    this.lastDueAtMs = Math.max(this.lastDueAtMs, place.dueAtMs)
    this.#gather({ type: 'put', key: keyOf('d', place), value: Buffer.from(envelope) })
  }

  remove(place: Place): void {
    this.#gather({ type: 'del', key: keyOf('d', place) })
  }

  get(place: Place): Buffer | undefined {
    return this.#get(keyOf('d', place))
  }

  /** Remembers what became of the message at `target`. */
  remember(target: Place, fate: Fate): void {
    this.#gather({ type: 'put', key: keyOf('c', target), value: encodeFate(fate) })
  }

  /** What became of the message at `target` before it was due, while that is remembered. */
  fateOf(target: Place): Fate | undefined {
    const row = this.#get(keyOf('c', target))
    return row === undefined ? undefined : decodeFate(row)
  }

  /** Up to `limit` messages behind `after` that are due before `beforeMs`, in the order of firing; call flush() first. */
  async rows(after: Place, beforeMs: number, limit: number): Promise<(Place & { envelope: Buffer })[]> {
    const lt = keyOf('d', { dueAtMs: beforeMs, offset: 0 })
    const rows = await this.#store.rows({ gte: keyOf('d', { ...after, offset: after.offset + 1 }), lt }, limit)
    return rows.map(([key, envelope]) => ({ dueAtMs: readUInt64(key, 1), offset: readUInt64(key, 9), envelope }))
  }

  /** Those of rows() that are not in the store yet, in no order. */
  unwrittenRows(after: Place, beforeMs: number): (Place & { envelope: Buffer })[] {
    const from = keyOf('d', { ...after, offset: after.offset + 1 }).toString('latin1')
    const before = keyOf('d', { dueAtMs: beforeMs, offset: 0 }).toString('latin1')
    const rows: (Place & { envelope: Buffer })[] = []
    for (const writes of [this.#writing, this.#gathered]) {
      for (const [text, write] of writes) {
        if (write.type !== 'put' || text < from || text >= before) continue
        rows.push({ dueAtMs: readUInt64(write.key, 1), offset: readUInt64(write.key, 9), envelope: write.value })
      }
    }
    return rows
  }

  /** Resolves when all that is gathered now is durable. */
  async flush(): Promise<void> {
    this.#startWriting()
    await this.#written
    this.check()
  }

  /**
   * For who only waits until it is less crowded.
   * @throws OVERFLOW_FAILED when a batch could not be written: no other will be
   */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Forgets messages due before `doneMs`, and fates of those due before `forgottenMs`. Never crawls over what is gone. */
  async trim(doneMs: number, forgottenMs: number): Promise<void> {
    const from = this.#trimmedMs
    await this.#store.clear(rangeOf('d', from.done, doneMs))
    await this.#store.clear(rangeOf('c', from.forgotten, forgottenMs))
    this.#trimmedMs = { done: Math.max(from.done, doneMs), forgotten: Math.max(from.forgotten, forgottenMs) }
  }

  /** Marks a new store as one that was used: later, one without the ledger row has lost its rows. */
  async begin(): Promise<void> {
    if (this.#sequence === 0) await this.#writeBatch([])
  }

  /** The sequence of the first batch that the store has lost, as far back as that is known; undefined when none is. */
  async lostBatch(): Promise<number | undefined> {
    let expected = this.#batchesFrom
    while (expected <= this.#sequence) {
      const range = { gte: batchKey(expected), lt: batchKey(this.#sequence + 1) }
      const rows = await this.#store.rows(range, BATCHES_AT_ONCE)
      for (const [key] of rows) if (readUInt64(key, 1) !== expected++) return expected - 1
      if (rows.length < BATCHES_AT_ONCE) break
    }
    return expected <= this.#sequence ? expected : undefined
  }

  /** What the lost batches held is needed no more: a later start need not look for them. */
  forgetLostBatches(): void {
    this.#batchesFrom = this.#sequence + 1
  }

  /** Every message behind `after` up to `upTo`, in the order of firing; call flush() first. */
  async *rowsBetween(after: Place, upTo: Place): AsyncGenerator<Place & { envelope: Buffer }> {
    for (let last = after; ; ) {
      const rows = await this.rows(last, upTo.dueAtMs + 1, ROWS_AT_ONCE)
      for (const row of rows) if (comparePlaces(row, upTo) <= 0) yield row
      if (rows.length < ROWS_AT_ONCE) return
      last = rows[rows.length - 1]
    }
  }

  #get(key: Buffer): Buffer | undefined {
    const text = key.toString('latin1')
    const waiting = this.#gathered.get(text) ?? this.#writing.get(text)
    if (waiting === undefined) return this.#store.get(key)
    return waiting.type === 'put' ? waiting.value : undefined
  }

  #gather(write: KeyedWrite): void {
    this.check()
    this.#gathered.set(write.key.toString('latin1'), write)
    this.#gatheredBytes += write.key.length + (write.type === 'put' ? write.value.length : 0)
    if (this.#gatheredBytes > GATHERED_BYTES_MAX && this.#writing.size === 0) this.#startWriting()
  }

  #startWriting(): void {
    this.#written = this.#written.then(() => this.#write())
  }

  async #writeBatch(writes: KeyedWrite[]): Promise<void> {
    const sequence = ++this.#sequence
    const batch: KeyedWrite[] = [...writes, { type: 'put', key: batchKey(sequence), value: Buffer.alloc(0) }]
    while (this.#batchesFrom <= sequence - BATCHES_KEPT) batch.push({ type: 'del', key: batchKey(this.#batchesFrom++) })
    const value = Buffer.allocUnsafe(16)
    writeUInt64(value, 0, sequence)
    writeUInt64(value, 8, this.#batchesFrom)
    await this.#store.write([...batch, { type: 'put', key: LEDGER_KEY, value }])
  }

  async #write(): Promise<void> {
    if (this.#gathered.size === 0 || this.#failure !== undefined) return
    this.#writing = this.#gathered
    this.#gathered = new Map()
    this.#gatheredBytes = 0
    try {
      await this.#writeBatch([...this.#writing.values()])
    } catch (error) {
      const { message, fields } = error as DwellError
      this.#failure = new DwellError(
        'OVERFLOW_FAILED',
        `The overflow store cannot be written: ${message}`,
        fields,
        error,
      )
      this.#onWritten()
      return
    }
    this.#writing = new Map()
    // Who waits for this to get less crowded gathers nothing that could begin the next write.
    if (this.#gatheredBytes > GATHERED_BYTES_MAX) this.#startWriting()
    this.#onWritten()
  }
}

function rangeOf(kind: 'd' | 'c', fromMs: number, beforeMs: number): KeyRange {
  return {
    gte: keyOf(kind, { dueAtMs: fromMs, offset: 0 }),
    lt: keyOf(kind, { dueAtMs: Math.max(0, beforeMs), offset: 0 }),
  }
}

function batchKey(sequence: number): Buffer {
  const key = Buffer.from('b--------', 'latin1')
  writeUInt64(key, 1, sequence)
  return key
}

function keyOf(kind: 'd' | 'c', { dueAtMs, offset }: Place): Buffer {
  const key = Buffer.allocUnsafe(17)
  key.write(kind, 0, 'latin1')
  writeUInt64(key, 1, dueAtMs)
  writeUInt64(key, 9, offset)
  return key
}
