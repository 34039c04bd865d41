// What a consumer with read_committed sees of a log with transactions. Dwell's own appends are atomic by the journal's
// frames and need no transactions, so the product does not filter; this shows that all it would take is in what its
// reader tells: batch headers, and records.
//
// `.txnindex` ┌──────────────┬─────────────────┬──────────────────┬─────────────────┬────────────────────────┐
//             │ version <2b> │ producerId <8b> │ firstOffset <8b> │ lastOffset <8b> │ lastStableOffset <8b>  │  per entry
//             └──────────────┴─────────────────┴──────────────────┴─────────────────┴────────────────────────┘

import { headerOfBatchAt } from '../../storage/batch/record-batch.ts'
import { readRecords, readUInt64 } from '../../storage/index.ts'
import type { AbortedTransaction } from './golden.ts'

const ENTRY_SIZE = 34

export function readTransactionIndex(bytes: Buffer): AbortedTransaction[] {
  const entries: AbortedTransaction[] = []
  for (let at = 0; at + ENTRY_SIZE <= bytes.length; at += ENTRY_SIZE) {
    const [producerId, firstOffset, lastOffset, lastStableOffset] = [2, 10, 18, 26].map((field) =>
      readUInt64(bytes, at + field),
    )
    entries.push({ producerId, firstOffset, lastOffset, lastStableOffset })
  }
  return entries
}

/** The offsets of the records in `bytes`, whole batches, that were committed, up to the first transaction still open. */
export function readCommittedOffsets(bytes: Buffer, aborted: readonly AbortedTransaction[]): number[] {
  const offsets: number[] = []
  const open = new Map<number, number>()
  for (let position = 0; position < bytes.length; ) {
    const { size, baseOffset, producerId, isTransactional, isControl } = headerOfBatchAt(bytes, position)
    if (isControl) open.delete(producerId)
    else if (isTransactional && !open.has(producerId)) open.set(producerId, baseOffset)
    const isAborted = aborted.some(
      (entry) => entry.producerId === producerId && baseOffset >= entry.firstOffset && baseOffset <= entry.lastOffset,
    )
    if (!(isTransactional && isAborted)) {
      offsets.push(...readRecords(bytes.subarray(position, position + size)).map(({ offset }) => offset))
    }
    position += size
  }
  const lastStableOffset = Math.min(...open.values())
  return offsets.filter((offset) => offset < lastStableOffset)
}
