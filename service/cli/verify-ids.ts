// Checks the index of ids against `__ids`. It is derived: what is wrong with it is mended by removing it.
//
// Memory: ids are looked at in shares by their checksum, so many at a time that a share stays small.

import {
  type Counts,
  counted,
  crc32c,
  type Disk,
  DwellError,
  decodeRecordBody,
  type Finding,
  headerOfBatchAt,
  note,
  readUInt64,
  type StoredLog,
  type StoredPartition,
  StoreView,
  wrong,
} from '../../storage/index.ts'
import { PROGRESS_KEY } from '../publish/id-index.ts'
import { IDS_TOPIC } from '../publish/ids.ts'

const IDS_AT_ONCE = 500_000

export interface VerifyIdsOptions {
  disk: Disk
  log: StoredLog
  /** Of the index. */
  directory: string
  counts: Counts
}

export async function* verifyIds({ disk, log, directory, counts }: VerifyIdsOptions): AsyncGenerator<Finding> {
  const stored = log.partition(IDS_TOPIC, 0)
  const endOffset = stored?.endOffset ?? 0
  if ((await disk.list(directory)).length === 0) {
    if (endOffset > 0) yield note('ids-missing', directory, 'The index of ids is missing.')
    return
  }
  const derived = { meaning: 'It is derived from __ids.', acknowledged: false }
  let view: StoreView
  try {
    view = await StoreView.openStopped(disk, directory)
  } catch (error) {
    const remedy = 'Nothing must be done: the next start makes it anew.'
    return void (yield wrong('ids-damaged', directory, (error as DwellError).message, { ...derived, remedy }))
  }
  try {
    const progress = await view.get(PROGRESS_KEY)
    if (progress?.good && progress.value.length === 0) {
      const sentence = 'The index of ids was given up: a row of it could not be read.'
      return void (yield note('ids-given-up', directory, sentence))
    }
    const readTo = progress?.good ? readUInt64(progress.value, 0) : 0
    if (readTo > endOffset) {
      const sentence = `The index of ids is read up to offset ${readTo}, but ${IDS_TOPIC} ends at ${endOffset}.`
      return void (yield note('ids-newer', directory, sentence))
    }
    if (stored !== undefined && !(await isWhole(log, stored))) {
      // What __ids lost the index still has: it is not held against it, and kept.
      for await (const { key, good } of view.rows()) {
        if (!good)
          yield wrong(
            'ids-wrong',
            directory,
            `The row with the key ${key.toString('hex')} does not match its checksum.`,
            derived,
          )
      }
      return
    }
    const from = stored?.logStartOffset ?? 0
    const shares = Math.max(1, Math.ceil((endOffset - from) / IDS_AT_ONCE))
    for (let share = 0; share < shares; share++) {
      const isIn = (key: Buffer) => crc32c(key) % shares === share
      const rows = new Map<string, Buffer>()
      for await (const { offset, body } of log.records(IDS_TOPIC, 0)) {
        if (offset >= readTo) break
        const { key, value } = decodeRecordBody(body)
        if (key === null || !isIn(key)) continue
        counted(counts, 'id records')
        if (value === null) rows.delete(key.toString('hex'))
        else rows.set(key.toString('hex'), Buffer.from(value))
      }
      for await (const { key, value, good } of view.rows()) {
        if (!isIn(key)) continue
        if (key.equals(Buffer.alloc(4))) {
          if (!good)
            yield wrong(
              'ids-wrong',
              directory,
              'The row that says how far the index is read does not match its checksum.',
              derived,
            )
          continue
        }
        const expected = rows.get(key.toString('hex'))
        rows.delete(key.toString('hex'))
        const id = JSON.stringify(key.toString('utf8', 4))
        if (!good) yield wrong('ids-wrong', directory, `The row of the id ${id} does not match its checksum.`, derived)
        else if (expected === undefined || !expected.equals(value)) {
          yield wrong('ids-wrong', directory, `The row of the id ${id} is not what ${IDS_TOPIC} says.`, derived)
        }
      }
      for (const name of rows.keys()) {
        const id = JSON.stringify(Buffer.from(name, 'hex').toString('utf8', 4))
        yield wrong('ids-wrong', directory, `The id ${id} has no row.`, derived)
      }
    }
  } catch (error) {
    if (!(error instanceof DwellError)) throw error
    yield wrong('ids-damaged', directory, error.message, derived)
  } finally {
    await view.close()
  }
}

/** Whether all of `__ids` can be read; a batch without records stands for what a repair gave up. */
async function isWhole(log: StoredLog, partition: StoredPartition): Promise<boolean> {
  const { logStartOffset, endOffset, gapsTo } = partition
  let next = logStartOffset
  for await (const batch of log.batches(partition)) {
    const { baseOffset, lastOffset, recordCount } = headerOfBatchAt(batch, 0)
    if (baseOffset > next && baseOffset > gapsTo) return false
    if (recordCount === 0 && lastOffset >= gapsTo) return false
    next = lastOffset + 1
  }
  return next >= endOffset
}
