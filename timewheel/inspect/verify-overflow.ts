// Checks overflow, the one thing that is nowhere else: that the store can be read, that it is as new as the checkpoint relies
// on, that no batch of it is missing, and each row.

import {
  type Counts,
  counted,
  type Disk,
  DwellError,
  type Finding,
  note,
  StoreView,
  wrong,
} from '../../storage/index.ts'
import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import { overflowLost } from '../checkpoint/recovery.ts'
import { DELAY_TOPIC } from '../entry/entry.ts'
import { comparePlaces } from '../entry/place.ts'
import type { Mark } from '../mark.ts'
import type { DelayTable } from './delay-table.ts'
import { readEnvelope } from './envelope.ts'
import { type OverflowRow, readOverflowRow } from './overflow-row.ts'

export interface VerifyOverflowOptions {
  disk: Disk
  directory: string
  counts: Counts
  checkpoint: Checkpoint | undefined
  mark: Mark
  table: DelayTable
  delayLogStart: number
}

/** All that is to be said of overflow. */
export async function* verifyOverflow(options: VerifyOverflowOptions): AsyncGenerator<Finding> {
  const { disk, directory, counts, checkpoint, mark, delayLogStart } = options
  const lost = (why: string) =>
    wrong('overflow-lost', directory, `${why} ${overflowLost(checkpoint, mark).message}`, {
      meaning: 'The start is refused.',
      acknowledged: true,
      remedy:
        'Put the folder back from a copy if there is one; else run `dwell repair`, which goes on without these messages.',
    })
  const isNeeded = checkpoint === undefined ? delayLogStart > 0 : checkpoint.overflowLastDueAtMs > mark.hand.dueAtMs
  if ((await disk.list(directory)).length === 0) {
    const reliesOn = checkpoint === undefined ? delayLogStart > 0 : checkpoint.overflowSequence > 0
    if (reliesOn && isNeeded) yield lost('The folder is missing.')
    else if (checkpoint !== undefined)
      yield note('overflow-missing', directory, 'Overflow is missing; nothing is due in it.')
    return
  }
  let view: StoreView
  try {
    view = await StoreView.openStopped(disk, directory)
  } catch (error) {
    yield wrong('overflow-damaged', directory, (error as DwellError).message, {
      meaning: `The start is refused: messages due beyond the wheel's reach are only here.`,
      acknowledged: true,
    })
    return
  }
  try {
    let rows = 0
    let ledger: (OverflowRow & { kind: 'ledger' }) | undefined
    const batches = new Set<number>()
    for await (const { key, value, good } of view.rows()) {
      counted(counts, 'overflow rows')
      const row = good ? readOverflowRow(key, value) : undefined
      if (row?.kind === 'ledger') ledger = row
      if (row?.kind === 'batch') batches.add(row.sequence)
      if (row?.kind === 'fate') options.table.withdraw(row.place.offset)
      const why = !good
        ? 'does not match its checksum'
        : row === undefined
          ? 'is of no known form'
          : wrongWith(row, options.table)
      if (why !== undefined) {
        yield wrong('overflow-row', directory, `The row with the key ${key.toString('hex')} ${why}.`, {
          meaning: 'The wheel stops when it comes to it.',
          acknowledged: true,
        })
      }
      if (row?.kind !== 'message') continue
      if (options.table.has(row.place.offset)) options.table.keep(row.place.offset, row.envelope)
      if (checkpoint === undefined || comparePlaces(row.place, checkpoint.moved) > 0) rows++
    }
    const sequence = ledger?.sequence ?? 0
    const reliedOn = checkpoint?.overflowSequence ?? (delayLogStart > 0 ? 1 : 0)
    if (sequence < reliedOn && isNeeded)
      yield lost(`Overflow is at sequence ${sequence}, the checkpoint of the wheel relies on ${reliedOn}.`)
    const upTo = Math.min(sequence, checkpoint?.overflowSequence ?? sequence)
    const firstLost = ledger === undefined ? undefined : firstMissing(batches, ledger.batchesFrom, upTo)
    if (firstLost !== undefined && isNeeded) yield lost(`The batch of rows with sequence ${firstLost} is gone.`)
    if (
      checkpoint !== undefined &&
      sequence === checkpoint.overflowSequence &&
      rows !== checkpoint.overflowCount &&
      firstLost === undefined
    ) {
      yield wrong(
        'overflow-count',
        directory,
        `Overflow has ${rows} rows that wait; the checkpoint of the wheel says ${checkpoint.overflowCount}.`,
        {
          meaning:
            rows < checkpoint.overflowCount ? 'Messages are missing.' : 'Rows are there again that were removed.',
          acknowledged: rows < checkpoint.overflowCount,
          remedy: 'Put the folder back from a copy if there is one.',
        },
      )
    }
  } catch (error) {
    if (!(error instanceof DwellError)) throw error
    yield wrong('overflow-damaged', directory, error.message, {
      meaning: 'The wheel stops when it comes to it.',
      acknowledged: true,
    })
  } finally {
    await view.close()
  }
}

function wrongWith(row: OverflowRow, table: DelayTable): string | undefined {
  if (row.kind !== 'message') return undefined
  const { place, envelope } = row
  try {
    const read = readEnvelope(envelope, place.offset)
    if (read.kind === 'cancel' || read.kind === 'cancelled') return 'holds a cancel in place of a message'
    if (read.dueAtMs !== place.dueAtMs) return `is due ${place.dueAtMs} by its key and ${read.dueAtMs} by its contents`
  } catch (error) {
    if (error instanceof DwellError || error instanceof RangeError) return 'holds no whole envelope'
    throw error
  }
  if (table.has(place.offset) && !table.keep(place.offset, envelope))
    return `is not what ${DELAY_TOPIC} has at offset ${place.offset}`
  return undefined
}

function firstMissing(batches: ReadonlySet<number>, from: number, to: number): number | undefined {
  for (let sequence = from; sequence <= to; sequence++) if (!batches.has(sequence)) return sequence
  return undefined
}
