// The only door into this folder.

export { AssertionError, assert } from './base/assert.ts'
export { BufferPool, type PooledBuffer } from './base/buffer-pool.ts'
export { type Clock, SystemClock, type Timer } from './base/clock.ts'
export { crc32c } from './base/crc.ts'
export { lockDirectory } from './base/directory-lock.ts'
export { type Disk, type DiskFile, type FreeSpace, isFull, type OpenMode, SystemDisk } from './base/disk.ts'
export { DiskSpace } from './base/disk-space.ts'
export { type DurableFileFormat, readDurableFile, writeDurableFile } from './base/durable-file.ts'
export { DwellError } from './base/errors.ts'
export { type Identity, identify, identityPath, writeIdentity } from './base/identity.ts'
export { type Log, SILENT } from './base/log.ts'
export { type Random, SystemRandom } from './base/random.ts'
export { fallingBackOnReserve } from './base/reserve.ts'
export { ReserveDisk } from './base/reserve-disk.ts'
export { Turns } from './base/turns.ts'
export { VarintReader, varintSize, writeVarint } from './base/varint.ts'
export { bodyAt } from './batch/record-at.ts'
export { endOffsetOf, headerOfBatchAt, readUInt64, writeUInt64 } from './batch/record-batch.ts'
export {
  decodeRecordBody,
  EncodedHeaders,
  encodeRecordBody,
  type Header,
  keyOfRecordBody,
  type RecordBody,
  RecordBodySource,
  RecordValueSource,
  valueOfRecordBody,
} from './batch/record-body.ts'
export { type Page, readPage, readRecords } from './batch/record-page.ts'
export type { DamageRow, Verdict } from './damage.ts'
export type {
  Allocate,
  Append,
  BodySource,
  Cleanup,
  HighWatermarkListener,
  LogEngine,
  LogRecord,
  PartitionOffsets,
  StoredRecord,
  TopicDescription,
  TopicSettings,
} from './engine.ts'
export { inspectDurableFile } from './inspect/durable-header.ts'
export { type Counts, counted, type Finding, note, wrong } from './inspect/finding.ts'
export { type HeldDirectory, holdDirectory } from './inspect/held-directory.ts'
export { readOffsetRows, readTimeRows } from './inspect/index-rows.ts'
export { remakeHeader } from './inspect/journal-header.ts'
export { partsOf, type WalkedFrame, type WalkedHole, walkJournal } from './inspect/journal-walk.ts'
export { walkSegment } from './inspect/segment-walk.ts'
export { StoredLog } from './inspect/stored-log.ts'
export { nameOf, type StoredPartition } from './inspect/stored-partition.ts'
export { verifyLog } from './inspect/verify-log.ts'
export { PartKind } from './journal/journal-format.ts'
export { type OpenJournal, openJournalFile } from './journal/journal-reader.ts'
export { type KeyedWrite, type KeyRange, type KeyValueStore, openLevelStore } from './keyed/key-value-store.ts'
export { repairLevelStore } from './keyed/store-repair.ts'
export { StoreView } from './keyed/store-view.ts'
export { watched } from './keyed/watched-store.ts'
export { CHECKPOINT_FORMAT, decodeCheckpoint } from './log/checkpoint.ts'
export { EmbeddedEngine } from './log/embedded-engine.ts'
export type { EmbeddedEngineOptions, Written } from './log/engine-options.ts'
export { murmur2, partitionOfKey, RoundRobin } from './log/partitioner.ts'
export { decodeTopic } from './log/topic-record.ts'
export type { Action } from './repair/action.ts'
export { Aside } from './repair/aside.ts'
export { repairLog } from './repair/repair-log.ts'
export { readRun } from './run/run.ts'
export { CLEANED_FORMAT, decodeCleanedMark } from './segment/cleaned-mark.ts'
