// The only door into this folder.

export { AssertionError, assert } from './base/assert.ts'
export { type Clock, SystemClock, type Timer } from './base/clock.ts'
export { crc32c } from './base/crc.ts'
export { lockDirectory } from './base/directory-lock.ts'
export { type Disk, type DiskFile, type OpenMode, SystemDisk } from './base/disk.ts'
export { type DurableFileFormat, readDurableFile, writeDurableFile } from './base/durable-file.ts'
export { DwellError } from './base/errors.ts'
export { type Log, SILENT } from './base/log.ts'
export { type Random, SystemRandom } from './base/random.ts'
export { VarintReader, varintSize, writeVarint } from './base/varint.ts'
export type {
  Append,
  Cleanup,
  HighWatermarkListener,
  LogEngine,
  LogRecord,
  PartitionOffsets,
  StoredRecord,
  TopicDescription,
  TopicSettings,
} from './engine.ts'
export { type KeyedWrite, type KeyRange, type KeyValueStore, openLevelStore } from './keyed/key-value-store.ts'
export { EmbeddedEngine, type EmbeddedEngineOptions } from './log/embedded-engine.ts'
export { partitionOfKey, RoundRobin } from './log/partitioner.ts'
export { readRecords, readUInt64, writeUInt64 } from './log/record-batch.ts'
export {
  decodeRecordBody,
  encodeRecordBody,
  encodeRecordValue,
  type Header,
  type RecordBody,
  valueOfRecordBody,
} from './log/record-body.ts'
