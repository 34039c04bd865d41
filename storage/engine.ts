// The contract of the log: all that the wheel, the retry lanes and the groups may use of it, so that they run over any
// engine that keeps it. test/contract/engine.ts is this contract as one suite.
//
// Always true:
//   1. An append over several partitions is atomic: after a crash either all of its records are there or none.
//   2. Appends become durable in the order in which append() was called.
//   3. logStartOffset ≤ highWatermark ≤ logEndOffset; the high watermark is the first offset that is not yet durable,
//      never moves back, and nothing at or above it is ever read.
//   4. After any failed write or sync the engine answers no append with success any more.

/** Bytes that are known but lie in several places: they are written only once, where they will stay. */
export interface BodySource {
  /** How many bytes writeTo() writes. */
  readonly length: number
  writeTo(into: Buffer, position: number): void
}

/** One record to be appended. `body` is its key, value and headers in Kafka's encoding: see batch/record-body.ts. */
export interface LogRecord {
  timestampMs: number
  body: Uint8Array | BodySource
}

/** A record as it was read. */
export interface StoredRecord {
  offset: number
  timestampMs: number
  body: Uint8Array
}

/** Records for one partition; they get consecutive offsets. */
export interface Append {
  topic: string
  partition: number
  /**
   * The records, or a function that makes them out of the base offsets given to the appends before this one in the same
   * call: so a record can name the place of another one and still be part of the same atomic append.
   */
  records: readonly LogRecord[] | ((baseOffsets: readonly number[]) => readonly LogRecord[])
}

export type Cleanup = 'delete' | 'compact'

export interface TopicSettings {
  partitions: number
  /** How long records are kept; undefined for ever. */
  retentionMs?: number
  /** How many bytes a partition keeps; undefined without limit. */
  retentionBytes?: number
  cleanup: Cleanup
}

export interface TopicDescription extends TopicSettings {
  name: string
  /** Never used again, also not by a later topic of the same name. */
  id: number
}

export interface PartitionOffsets {
  logStartOffset: number
  highWatermark: number
  logEndOffset: number
  sizeBytes: number
}

/** Makes memory for what is read: for readers who use theirs again. */
export type Allocate = (size: number) => Buffer

/** Called after the high watermark of a partition has moved. Must be quick and must not throw. */
export type HighWatermarkListener = (topic: string, partition: number, highWatermark: number) => void

export interface LogEngine {
  /** The most bytes of records that one append may have. */
  readonly appendBytesMax: number

  /**
   * Creates a topic; resolves when that is durable.
   * @throws TOPIC_EXISTS
   */
  createTopic(name: string, settings: TopicSettings): Promise<TopicDescription>
  /**
   * Changes settings; partitions may only grow.
   * @throws TOPIC_NOT_FOUND, PARTITIONS_CANNOT_SHRINK
   */
  alterTopic(name: string, settings: TopicSettings): Promise<TopicDescription>
  /**
   * Deletes a topic with all of its records.
   * @throws TOPIC_NOT_FOUND
   */
  deleteTopic(name: string): Promise<void>
  topic(name: string): TopicDescription | undefined
  topics(): Iterable<TopicDescription>

  /**
   * Appends atomically. Offsets are given at once and in order of the calls; resolves with the base offset of each
   * append when all of it is durable and below the high watermark. An append without records is allowed. Records and
   * what their bodies are made of must stay as they are until then.
   * @throws TOPIC_NOT_FOUND, PARTITION_NOT_FOUND, APPEND_TOO_LARGE (then nothing is appended)
   */
  append(appends: readonly Append[]): Promise<number[]>
  /**
   * Whole record batches as they are stored, up to about `maxBytes` (always at least one batch if there is one), the
   * first of them holding `fromOffset` or the next offset there is; empty at the high watermark. Read them with readPage()
   * of batch/record-page.ts, and go on where it says: where records were compacted away there may be batches but no records.
   * The last batches may hold no record at or above the high watermark. An engine that makes memory for what it answers
   * makes it with `allocate`, and lets go of it before this resolves.
   * @throws TOPIC_NOT_FOUND, PARTITION_NOT_FOUND, OFFSET_OUT_OF_RANGE (below the log start or above the high watermark)
   */
  read(topic: string, partition: number, fromOffset: number, maxBytes: number, allocate?: Allocate): Promise<Buffer>
  /** @throws TOPIC_NOT_FOUND, PARTITION_NOT_FOUND */
  offsets(topic: string, partition: number): PartitionOffsets
  /** The first offset, from `fromOffset` on, whose record has a timestamp ≥ `timestampMs`; the high watermark when there is none. */
  offsetForTime(topic: string, partition: number, timestampMs: number, fromOffset?: number): Promise<number>
  /** Lets the engine drop what lies before `beforeOffset`; the log start moves to it, space comes back by segments. */
  deleteRecords(topic: string, partition: number, beforeOffset: number): Promise<void>
  /** Returns a function that takes the listener away again. */
  onHighWatermark(listener: HighWatermarkListener): () => void

  /** Bounds the work of the next start. Resolves when done. */
  checkpoint(): Promise<void>
  /** Finishes what is under way, writes a checkpoint and lets go of all files. */
  close(): Promise<void>
}
