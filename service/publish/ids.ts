// The callers' own ids, and those that the server gave to messages that were moved since: publishing one again while its
// message is pending, or within the deduplication window after it, changes nothing.
//
// Always true:
//   1. The truth is the internal topic `__ids`. What a publish, a change or a dispatch says about an id is appended there, in
//      the same atomic append as the message itself, or as the fact that it is cancelled or moved.
//   2. What is known here is `__ids` read in order up to its high watermark, plus the ids that are being published.
//   3. An id that is being published belongs to that request alone; others wait for its outcome.
//   4. In the index lies, in one batch with its rows, the offset up to which `__ids` has gone into them.
//
// After a crash: the index goes on from its offset. It may be deleted: then it is made anew out of `__ids`.

import {
  type Append,
  assert,
  decodeRecordBody,
  encodeRecordBody,
  type KeyedWrite,
  type KeyValueStore,
  type LogEngine,
  type LogRecord,
  readPage,
  readUInt64,
  writeUInt64,
} from '../../storage/index.ts'
import type { Changed, Dispatched } from '../../timewheel/index.ts'
import { decodeIdEntry, encodeIdEntry, type IdEntry, idKey } from './id-entry.ts'
import { condemnIdIndex, PROGRESS_KEY } from './id-index.ts'

export const IDS_TOPIC = '__ids'
const FIRST_ROW = Buffer.from([0, 0, 0, 1])
const READ_BYTES = 1024 * 1024
/** Entries in memory at which they go to the index. */
const RECENT_MAX = 20_000
const SWEEP_ROWS = 5_000

export interface IdsOptions {
  engine: LogEngine
  index: KeyValueStore
  hand: { nowMs(): number }
  windowMs: number
}

/** The ids of one request while it is being published. */
export interface Claim {
  keys: string[]
  /** Resolves when the request has succeeded or failed. */
  settled: Promise<unknown>
}

export class Ids {
  readonly #engine: LogEngine
  readonly #index: KeyValueStore
  readonly #hand: { nowMs(): number }
  readonly #windowMs: number
  readonly #claims = new Map<string, Claim>()
  /** Published, and not read back out of `__ids` yet. */
  readonly #published: { untilOffset: number; keys: string[]; entries: IdEntry[] }[] = []
  readonly #publishedEntries = new Map<string, IdEntry>()
  /** Read out of `__ids` since the last flush; null for forgotten ones. */
  #recent = new Map<string, IdEntry | null>()
  #flushing = new Map<string, IdEntry | null>()
  #position = 0
  #reading: Promise<void> | undefined
  #flushed: Promise<void> = Promise.resolve()
  #sweepFrom: Buffer = FIRST_ROW
  #stopListening = () => {}
  #stopped = false
  /** The index is damaged, and nothing more goes into it: the next start makes it anew. */
  #condemned = false
  readonly stats = { duplicates: 0, remembered: 0, forgotten: 0 }

  private constructor({ engine, index, hand, windowMs }: IdsOptions) {
    this.#engine = engine
    this.#index = index
    this.#hand = hand
    this.#windowMs = windowMs
  }

  /** Reads what `__ids` holds beyond the index; creates the topic when it is missing. */
  static async open(options: IdsOptions): Promise<Ids> {
    const ids = new Ids(options)
    const { engine, index } = options
    if (engine.topic(IDS_TOPIC) === undefined)
      await engine.createTopic(IDS_TOPIC, { partitions: 1, cleanup: 'compact' })
    const { logStartOffset, highWatermark } = engine.offsets(IDS_TOPIC, 0)
    const row = index.get(PROGRESS_KEY)
    ids.#position = row === undefined ? 0 : readUInt64(row, 0)
    if (ids.#position > highWatermark) {
      // The log is an older one than the index was made of.
      await index.clear({ gte: PROGRESS_KEY })
      ids.#position = 0
    }
    ids.#position = Math.max(ids.#position, logStartOffset)
    ids.#stopListening = engine.onHighWatermark((topic) => {
      if (topic === IDS_TOPIC) ids.#wake()
    })
    await ids.#readOn()
    return ids
  }

  /** What is known of this id; undefined when nothing is, or not any more. Never waits. */
  find(topicId: number, id: string): IdEntry | undefined {
    const name = nameOf(topicId, id)
    const entry = this.#publishedEntries.get(name) ?? this.#read(name, topicId, id)
    return entry === undefined || this.isForgotten(entry) ? undefined : entry
  }

  /** The window after the message is over. A pending one is never forgotten. */
  isForgotten({ state, atMs }: IdEntry): boolean {
    return state !== 'pending' && this.#hand.nowMs() > atMs + this.#windowMs
  }

  /**
   * Whether a message counts as pending though its time is long over. Then it is overdue, or was cancelled by an earlier
   * version that did not live to remember it; the wheel knows.
   */
  isDoubtful({ state, dueAtMs }: IdEntry): boolean {
    return state === 'pending' && this.#hand.nowMs() > dueAtMs + this.#windowMs
  }

  /** The request that is just now publishing one of these ids; undefined when there is none. */
  claimed(topicId: number, ids: Iterable<string>): Claim | undefined {
    if (this.#claims.size === 0) return undefined
    for (const id of ids) {
      const claim = this.#claims.get(nameOf(topicId, id))
      if (claim !== undefined) return claim
    }
    return undefined
  }

  /** Takes ids that nobody has claimed, until published() or release(). */
  claim(topicId: number, ids: readonly string[], settled: Promise<unknown>): Claim {
    const claim = { keys: ids.map((id) => nameOf(topicId, id)), settled }
    for (const key of claim.keys) {
      assert(!this.#claims.has(key), 'an id is claimed by one request')
      this.#claims.set(key, claim)
    }
    return claim
  }

  /** The claimed ids are published: from now on they are found. `baseOffset` is that of their append to `__ids`. */
  published(claim: Claim, baseOffset: number, entries: IdEntry[]): void {
    const untilOffset = baseOffset + entries.length
    if (untilOffset > this.#position) {
      claim.keys.forEach((key, i) => {
        this.#publishedEntries.set(key, entries[i])
      })
      this.#published.push({ untilOffset, keys: claim.keys, entries })
    }
    this.release(claim)
  }

  /** The claimed ids are free again. */
  release(claim: Claim): void {
    for (const key of claim.keys) if (this.#claims.get(key) === claim) this.#claims.delete(key)
  }

  /** The append that remembers `entries`, to be part of an atomic append. */
  append(remembered: (baseOffsets: readonly number[]) => readonly LogRecord[]): Append {
    return { topic: IDS_TOPIC, partition: 0, records: remembered }
  }

  /** The record of `__ids` that says `entry` of this id; null forgets it. */
  record(topicId: number, id: string, entry: IdEntry | null): LogRecord {
    const value = entry === null ? null : encodeIdEntry(entry)
    return { timestampMs: this.#hand.nowMs(), body: encodeRecordBody(idKey(topicId, id), value, []) }
  }

  /** The append that remembers dispatched messages, to join that of their dispatch. */
  dispatched(messages: readonly Dispatched[], nowMs: number): Append[] {
    return [
      this.append((baseOffsets) =>
        messages.flatMap(({ ownId, topic, partition, place, appendIndex, indexInAppend }) => {
          const topicId = this.#engine.topic(topic)?.id
          if (topicId === undefined) return []
          const offset = baseOffsets[appendIndex] + indexInAppend
          const { dueAtMs, offset: delayOffset } = place
          return [
            this.record(topicId, ownId, { state: 'dispatched', atMs: nowMs, dueAtMs, delayOffset, partition, offset }),
          ]
        }),
      ),
    ]
  }

  /** The append that remembers messages that were cancelled or moved, to join that of these facts. */
  changed(changes: (baseOffsets: readonly number[]) => readonly Changed[]): Append {
    const atMs = this.#hand.nowMs()
    return this.append((baseOffsets) =>
      changes(baseOffsets).map(({ id, topicId, state, dueAtMs, delayOffset, recordBytes }) => {
        return this.record(topicId, id, { state, atMs, dueAtMs, delayOffset, partition: 0, offset: 0, recordBytes })
      }),
    )
  }

  /** A message was cancelled by a version that did not remember it in the same append; resolves when it is remembered. */
  async cancelled(topicId: number, id: string, entry: IdEntry, atMs: number): Promise<void> {
    const cancelled: IdEntry = { ...entry, state: 'cancelled', atMs }
    await this.#engine.append([this.append(() => [this.record(topicId, id, cancelled)])])
    await this.caughtUp()
  }

  /** Resolves when all that is durable in `__ids` now is known here. */
  async caughtUp(): Promise<void> {
    const { highWatermark } = this.#engine.offsets(IDS_TOPIC, 0)
    while (this.#position < highWatermark && !this.#stopped) {
      this.#wake()
      await this.#reading
    }
  }

  /** Moves what is in memory to the index, and forgets what is due to be forgotten. */
  async checkpoint(): Promise<void> {
    try {
      await this.#flush()
      await this.#sweep()
    } catch (error) {
      this.#condemned ||= await condemnIdIndex(this.#index, error).catch(() => false)
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#stopListening()
    await this.#reading
    await this.#flush()
  }

  #read(name: string, topicId: number, id: string): IdEntry | undefined {
    const recent = this.#recent.get(name) ?? (this.#recent.has(name) ? null : this.#flushing.get(name))
    if (recent !== undefined) return recent ?? undefined
    if (this.#flushing.has(name)) return undefined
    const row = this.#index.get(idKey(topicId, id))
    return row === undefined ? undefined : decodeIdEntry(row)
  }

  #wake(): void {
    if (this.#reading !== undefined || this.#stopped) return
    this.#reading = this.#readOn().then(() => {
      this.#reading = undefined
      if (this.#position < this.#engine.offsets(IDS_TOPIC, 0).highWatermark) this.#wake()
    })
  }

  async #readOn(): Promise<void> {
    while (this.#position < this.#engine.offsets(IDS_TOPIC, 0).highWatermark) {
      const batches = await this.#engine.read(IDS_TOPIC, 0, this.#position, READ_BYTES)
      const { records, nextOffset } = readPage(batches, this.#position)
      for (const { body } of records) this.#apply(body as Buffer)
      this.#position = nextOffset
      this.#dropPublished()
      if (this.#recent.size >= RECENT_MAX) await this.#flush()
    }
  }

  #apply(body: Buffer): void {
    const { key, value } = decodeRecordBody(body)
    if (key === null || key.length <= 4) return
    const name = nameOf(key.readUInt32BE(0), key.toString('utf8', 4))
    this.#recent.set(name, value === null ? null : decodeIdEntry(value))
    if (value === null) this.stats.forgotten++
    else this.stats.remembered++
  }

  #dropPublished(): void {
    while (this.#published.length > 0 && this.#published[0].untilOffset <= this.#position) {
      const { keys, entries } = this.#published.shift()!
      keys.forEach((key, i) => {
        if (this.#publishedEntries.get(key) === entries[i]) this.#publishedEntries.delete(key)
      })
    }
  }

  #flush(): Promise<void> {
    this.#flushed = this.#flushed.then(async () => {
      if (this.#recent.size === 0 || this.#condemned) return
      this.#flushing = this.#recent
      this.#recent = new Map()
      const writes: KeyedWrite[] = []
      for (const [name, entry] of this.#flushing) {
        const key = keyOf(name)
        writes.push(entry === null ? { type: 'del', key } : { type: 'put', key, value: encodeIdEntry(entry) })
      }
      const progress = Buffer.alloc(8)
      writeUInt64(progress, 0, this.#position)
      writes.push({ type: 'put', key: PROGRESS_KEY, value: progress })
      await this.#index.write(writes)
      this.#flushing = new Map()
    })
    return this.#flushed
  }

  /** Looks at some rows of the index each time, round and round: each id is forgotten some checkpoints after its window. */
  async #sweep(): Promise<void> {
    const rows = await this.#index.rows({ gt: this.#sweepFrom }, SWEEP_ROWS)
    this.#sweepFrom = rows.length < SWEEP_ROWS ? FIRST_ROW : rows[rows.length - 1][0]
    const forgotten: LogRecord[] = []
    for (const [key, value] of rows) {
      if (!this.isForgotten(decodeIdEntry(value))) continue
      const [topicId, id] = [key.readUInt32BE(0), key.toString('utf8', 4)]
      const name = nameOf(topicId, id)
      // Since the row was written its id may have been published again.
      if (this.#claims.has(name) || this.#publishedEntries.has(name)) continue
      if (this.#recent.has(name) || this.#flushing.has(name)) continue
      forgotten.push(this.record(topicId, id, null))
    }
    if (forgotten.length > 0) await this.#engine.append([this.append(() => forgotten)])
  }
}

/** The key of an id as text, for maps: its topic's id, a slash, the id. */
function nameOf(topicId: number, id: string): string {
  return `${topicId}/${id}`
}

function keyOf(name: string): Buffer {
  const slash = name.indexOf('/')
  return idKey(Number(name.slice(0, slash)), name.slice(slash + 1))
}
