// What a group that pushes had in flight when the service began, for the endpoint that had it in hand before: the same records
// again, under the receipts that they have. Nobody else has those receipts, so nothing was tried meanwhile, and nothing is
// counted: what was being pushed when the service ended is pushed again, as the same try. (But for what a consumer held when the
// group came to push, if that was less than a lock before the end: it is pushed while that consumer may have it still.)
//
// Changes nothing but locks: each holds anew for its full time, from the moment in which it is taken over.

import type { Clock, Log, LogEngine } from '../../../storage/index.ts'
import { deliver } from '../deliver.ts'
import type { Delivery } from '../delivery.ts'
import type { Group } from '../group/group.ts'
import { ReceiptReader, ReceiptWriter } from '../source/receipt.ts'
import { RecordReader } from '../source/record-reader.ts'
import { Status } from '../source/run.ts'

/** A record in flight, not read yet. */
export interface TakenOver {
  receipt: string
  lockMs: number
}

/** All that is in flight, in order of its sources and offsets; `locked` is told of each deadline. */
export function takeOver(group: Group, nowMs: number, locked: (deadlineMs: number) => void): TakenOver[] {
  const taken: TakenOver[] = []
  for (const { place, runs } of group.sources) {
    for (const run of runs) {
      const { first, end, token, lockMs } = run
      run.deadlineMs = nowMs + lockMs
      locked(run.deadlineMs)
      const receipts = new ReceiptWriter(token)
      for (let offset = first; offset < end; offset++) {
        if (run.statuses[offset - first] !== Status.acquired) continue
        taken.push({ receipt: receipts.write(place.index, offset), lockMs })
      }
    }
  }
  return taken
}

export interface ReadAgainParts {
  engine: LogEngine
  clock: Clock
  log: Log
}

/**
 * The records of the first of these receipts, in the order of takeOver(): no more bytes than `bytesMax`, and the record that
 * goes beyond it. Undefined stands for one that is no longer in flight, or no longer readable.
 */
export async function readAgain(
  group: Group,
  receipts: readonly string[],
  bytesMax: number,
  { engine, clock, log }: ReadAgainParts,
): Promise<(Delivery | undefined)[]> {
  const records = new RecordReader(engine, log)
  const receipt = new ReceiptReader()
  const deliveries: (Delivery | undefined)[] = []
  let bytes = 0
  for (const text of receipts) {
    if (deliveries.length > 0 && bytes >= bytesMax) break
    const source = receipt.read(text) ? group.source(receipt.sourceIndex) : undefined
    const { offset } = receipt
    const run = source?.find(offset)
    const isHeld = run !== undefined && receipt.carries(run.token) && run.isOpen(offset)
    const record = isHeld && source !== undefined ? await records.read(source.place, offset) : undefined
    if (source === undefined || run === undefined || record === undefined) {
      deliveries.push(undefined)
      continue
    }
    const lockedUntilMs = clock.wallMs() + Math.ceil(run.deadlineMs - clock.monotonicMs())
    deliveries.push(deliver(source, record, text, lockedUntilMs))
    bytes += record.body.length
  }
  return deliveries
}
