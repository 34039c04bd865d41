// What a repair of the wheel has to do, out of what its check found. Slots are derived: it is enough to set the checkpoint of the
// wheel aside. Overflow is the only one of its kind: what is readable of it is kept, and the ledger says from then on that
// this is all.

import { join } from 'node:path'
import {
  type Action,
  type Aside,
  type Disk,
  DwellError,
  type Finding,
  type KeyedWrite,
  openLevelStore,
  repairLevelStore,
  StoreView,
  writeUInt64,
} from '../../storage/index.ts'
import { checkpointPath, syncedPath } from '../checkpoint/checkpoint-files.ts'
import { isWholeMessage } from './envelope.ts'
import { readOverflowRow } from './overflow-row.ts'

const DAMAGED_CHECKPOINT = 'wheel-checkpoint-damaged'
const SLOT_CODES = new Set(['slot-damaged', 'slot-foreign', 'entry-lost', DAMAGED_CHECKPOINT])
const OVERFLOW_CODES = new Set(['overflow-lost', 'overflow-damaged', 'overflow-row'])
const ROWS_AT_ONCE = 1_000

/** The steps, in order. */
export function repairWheel(disk: Disk, directory: string, findings: readonly Finding[]): Action[] {
  const actions: Action[] = []
  const overflow = findings.filter(({ code }) => OVERFLOW_CODES.has(code))
  if (overflow.length > 0) {
    const path = join(directory, 'overflow')
    actions.push({
      does: `Copy ${path} aside, and make a store of what is readable in it.`,
      loses: [...new Set(overflow.map(({ sentence }) => sentence))],
      run: (aside) => takeAsItIs(disk, path, aside),
    })
  }
  const slots = findings.filter(({ code }) => SLOT_CODES.has(code))
  for (const path of new Set(slots.filter(({ code }) => code.startsWith('slot-')).map((finding) => finding.path))) {
    const why = 'a slot that is damaged or holds a foreign entry'
    actions.push({
      does: `Set the slot ${path} aside: it is derived.`,
      loses: [],
      run: (aside) => aside.move(path, why),
    })
  }
  const checkpoints = [checkpointPath(join(directory, 'wheel')), syncedPath(join(directory, 'wheel'))]
  // One that is damaged goes alone: the start does the same, and goes on from the other.
  const isDoubtful = actions.length > 0 || slots.some(({ code }) => code !== DAMAGED_CHECKPOINT)
  for (const path of checkpoints.filter((one) => isDoubtful || slots.some((finding) => finding.path === one))) {
    actions.push({
      does: `Set the checkpoint of the wheel ${path} aside${isDoubtful ? ': the next start derives all slots' : ''}.`,
      loses: [],
      run: (aside) =>
        aside.move(path, 'a checkpoint of the wheel that is damaged, or whose slots or overflow were repaired'),
    })
  }
  return actions
}

async function takeAsItIs(disk: Disk, path: string, aside: Aside): Promise<void> {
  for (const name of await disk.list(path)) {
    if (name !== 'LOCK') await aside.copy(join(path, name), 'a file of the overflow store as it was before the repair')
  }
  const writes = await makeReadable(disk, path, aside)
  const store = await openLevelStore(disk, path)
  try {
    for (let at = 0; at < writes.length; at += ROWS_AT_ONCE) await store.write(writes.slice(at, at + ROWS_AT_ONCE))
  } finally {
    await store.close()
  }
}

/** Brings the store to where it can be opened; answers what has to be written for it to be whole. */
async function makeReadable(disk: Disk, path: string, aside: Aside): Promise<KeyedWrite[]> {
  if ((await disk.list(path)).length === 0) return ledger(0)
  try {
    return await looking(disk, path, aside)
  } catch (error) {
    if (!(error instanceof DwellError)) throw error
  }
  try {
    await repairLevelStore(path)
    // It leaves an empty file where nothing could be saved of a table.
    for (const name of await disk.list(path)) {
      const isEmpty = /\.(ldb|sst)$/.test(name) && (await disk.size(join(path, name))) === 0
      if (isEmpty) await aside.move(join(path, name), 'an empty table of overflow')
    }
    return await looking(disk, path, aside)
  } catch (error) {
    if (!(error instanceof DwellError)) throw error
    await aside.move(path, `overflow, that nothing can be read of: ${error.message}`)
    return ledger(0)
  }
}

async function looking(disk: Disk, path: string, aside: Aside): Promise<KeyedWrite[]> {
  const view = await StoreView.openStopped(disk, path)
  const writes: KeyedWrite[] = []
  let sequence = 0
  try {
    for await (const { key, value, good } of view.rows()) {
      const row = good ? readOverflowRow(key, value) : undefined
      if (row?.kind === 'ledger') sequence = row.sequence
      if (row?.kind === 'batch') sequence = Math.max(sequence, row.sequence)
      if (row !== undefined && (row.kind !== 'message' || isWholeMessage(row.envelope, row.place.offset))) continue
      writes.push({ type: 'del', key })
      await aside.note(
        `A row of overflow that cannot be read: key ${key.toString('hex')}, value ${value.toString('hex')}`,
      )
    }
  } finally {
    await view.close()
  }
  return [...writes, ...ledger(sequence)]
}

/** The row that says that all batches are there that there ever were, up to `sequence`. */
function ledger(sequence: number): KeyedWrite[] {
  const value = Buffer.alloc(16)
  writeUInt64(value, 0, Math.max(1, sequence))
  writeUInt64(value, 8, Math.max(1, sequence) + 1)
  return [{ type: 'put', key: Buffer.from('l'), value }]
}
