// Entries of `__delay` that cannot be read there any more, out of the slots and overflow rows that have them too.

import { join } from 'node:path'
import {
  type Disk,
  DwellError,
  encodeRecordBody,
  type Finding,
  type LogRecord,
  StoreView,
} from '../../storage/index.ts'
import { DELAY_TOPIC, isWithdrawal } from '../entry/entry.ts'
import { secondOf, slotsPath } from '../slot/slot-files.ts'
import { isWholeMessage } from './envelope.ts'
import { readOverflowRow } from './overflow-row.ts'
import { walkSlot } from './slot-walk.ts'

/** The records of `__delay` for the offsets that `findings` call missing there, as far as the wheel has them; by offset. */
export async function keptEntries(
  disk: Disk,
  directory: string,
  findings: readonly Finding[],
): Promise<ReadonlyMap<number, LogRecord>> {
  const missing = findings.filter(({ partition, offset }) => partition === `${DELAY_TOPIC}-0` && offset !== undefined)
  const kept = new Map<number, LogRecord>()
  if (missing.length === 0) return kept
  const keep = (offset: number, envelope: Buffer) => {
    if (!missing.some((one) => offset >= (one.offset ?? 0) && offset <= (one.lastOffset ?? Number.POSITIVE_INFINITY)))
      return
    // Of a moved message there is also the withdrawal that lies where it was moved from: less than it says itself.
    if (isWithdrawal(envelope) && kept.has(offset)) return
    kept.set(offset, { timestampMs: 0, body: encodeRecordBody(null, envelope, []) })
  }
  const slots = slotsPath(join(directory, 'wheel'))
  for (const name of await disk.list(slots)) {
    const second = secondOf(name)
    if (second === undefined) continue
    const file = await disk.open(join(slots, name), 'read')
    try {
      for await (const item of walkSlot(file, second, await file.size())) {
        if (item.kind === 'entry') keep(item.offset, item.envelope)
      }
    } finally {
      await file.close()
    }
  }
  await eachRow(disk, join(directory, 'overflow'), keep)
  return kept
}

async function eachRow(disk: Disk, path: string, keep: (offset: number, envelope: Buffer) => void): Promise<void> {
  if ((await disk.list(path)).length === 0) return
  let view: StoreView | undefined
  try {
    view = await StoreView.open(path)
    for await (const { key, value, good } of view.rows()) {
      const row = good ? readOverflowRow(key, value) : undefined
      if (row?.kind === 'message' && isWholeMessage(row.envelope, row.place.offset))
        keep(row.place.offset, row.envelope)
    }
  } catch (error) {
    // What is wrong with it is said, and mended, as overflow's own.
    if (!(error instanceof DwellError)) throw error
  } finally {
    await view?.close()
  }
}
