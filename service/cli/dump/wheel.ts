// A slot file and a row of overflow in words.

import { basename } from 'node:path'
import { type Disk, type DwellError, readUInt64, StoreView } from '../../../storage/index.ts'
import { type Fate, readEnvelope, readOverflowRow, walkSlot } from '../../../timewheel/index.ts'
import { bytesOf, count, preview, timeOf } from '../words.ts'
import { type DumpOptions, Limit, type Line } from './line.ts'
import { envelopeWords, idWords } from './records.ts'

export async function* slotLines(disk: Disk, path: string, options: DumpOptions): AsyncGenerator<Line> {
  const file = await disk.open(path, 'read')
  try {
    const size = await file.size()
    const second = Number(/^(\d+)\.slot/.exec(basename(path))?.[1] ?? Number.NaN)
    yield `slot${Number.isNaN(second) ? '' : ` of ${timeOf(second * 1000)}`}, ${bytesOf(size)}`
    const limit = new Limit(options)
    let entries = 0
    for await (const item of walkSlot(file, second, size)) {
      if (item.kind === 'damage') return void (yield { damage: `byte ${item.position}  damaged: ${item.reason}` })
      const { position, dueAtMs, offset, envelope } = item
      if (position < (options.fromByte ?? 0) || offset < (options.fromOffset ?? 0)) continue
      if (!limit.take()) return
      entries++
      yield `byte ${position}  offset ${offset}  ${envelopeWords(readEnvelope(envelope, offset), offset, options)}`
      if (!Number.isNaN(second) && Math.floor(dueAtMs / 1000) !== second) {
        yield { damage: `    it is due ${timeOf(dueAtMs)}, not in the second of this slot` }
      }
    }
    yield `byte ${size}  the end: ${count(entries, 'entry', 'entries')} printed`
  } finally {
    await file.close()
  }
}

/** The rows of a LevelDB folder: overflow, the index of ids, or any other. */
export async function* storeLines(path: string, options: DumpOptions): AsyncGenerator<Line> {
  let view: StoreView
  try {
    view = await StoreView.open(path)
  } catch (error) {
    return void (yield { damage: (error as DwellError).message })
  }
  try {
    yield 'LevelDB store'
    const limit = new Limit(options)
    let rows = 0
    for await (const { key, value, good } of view.rows()) {
      if (!limit.take()) return
      rows++
      if (!good) yield { damage: `key ${key.toString('hex')}  does not match its checksum` }
      else yield rowLine(key, value, options)
    }
    yield `the end: ${count(rows, 'row')} printed`
  } finally {
    await view.close()
  }
}

function fateWords(fate: Fate): string {
  if ('cancelledBy' in fate) return `cancelled by the entry at offset ${fate.cancelledBy}`
  return `moved to offset ${fate.movedTo.offset} due ${timeOf(fate.movedTo.dueAtMs)}`
}

function rowLine(key: Buffer, value: Buffer, options: DumpOptions): Line {
  try {
    const row = readOverflowRow(key, value)
    if (row?.kind === 'ledger') return `ledger: sequence ${row.sequence}, batches from ${row.batchesFrom}`
    if (row?.kind === 'batch') return `batch ${row.sequence} is there`
    if (row?.kind === 'fate') {
      return `offset ${row.place.offset} due ${timeOf(row.place.dueAtMs)}: ${fateWords(row.fate)}`
    }
    if (row?.kind === 'message') {
      const { offset } = row.place
      return `offset ${offset}  ${envelopeWords(readEnvelope(row.envelope, offset), offset, options)}`
    }
    if (key.length === 4 && key.readUInt32BE(0) === 0 && value.length === 8)
      return `__ids is read up to offset ${readUInt64(value, 0)}`
    if (key.length > 4 && value.length === 38) return idWords(key, value)
  } catch (error) {
    return { damage: `key ${key.toString('hex')}  cannot be read: ${(error as Error).message}` }
  }
  return `key ${preview(key)}  value ${preview(value)}`
}
