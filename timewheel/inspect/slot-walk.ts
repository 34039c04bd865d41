// Walks over a slot's file, as far as its checksums hold.

import { type DiskFile, DwellError } from '../../storage/index.ts'
import { ENTRY_HEADER_SIZE, forEachEntry, SLOT_HEADER_SIZE, SLOT_MAGIC, SLOT_VERSION } from '../slot/slot-entry.ts'

const READ_BYTES = 1024 * 1024

export interface WalkedEntry {
  kind: 'entry'
  position: number
  dueAtMs: number
  offset: number
  /** A view that is good until the walk goes on. */
  envelope: Buffer
}

export interface WalkedEnd {
  kind: 'damage'
  position: number
  reason: string
}

/** The entries in the first `size` bytes of the file of `second`; the walk ends at the first damage. */
export async function* walkSlot(file: DiskFile, second: number, size: number): AsyncGenerator<WalkedEntry | WalkedEnd> {
  const header = Buffer.alloc(SLOT_HEADER_SIZE)
  const read = await file.read(header, 0)
  const wrong = wrongWith(header.subarray(0, read))
  if (wrong !== undefined) return void (yield { kind: 'damage', position: 0, reason: wrong })
  let carried = Buffer.alloc(0)
  let entryAt = SLOT_HEADER_SIZE
  for (let position = SLOT_HEADER_SIZE; position < size; ) {
    const block = Buffer.alloc(carried.length + Math.min(READ_BYTES, size - position))
    block.set(carried)
    const filled = await file.read(block.subarray(carried.length), position)
    if (filled === 0)
      return void (yield { kind: 'damage', position, reason: `it ends ${size - position} bytes too early` })
    const entries: WalkedEntry[] = []
    let end = 0
    let damage: DwellError | undefined
    try {
      end = forEachEntry(block.subarray(0, carried.length + filled), 0, second, (dueAtMs, offset, envelope) => {
        entries.push({ kind: 'entry', position: entryAt, dueAtMs, offset, envelope })
        entryAt += ENTRY_HEADER_SIZE + envelope.length
      })
    } catch (error) {
      if (!(error instanceof DwellError)) throw error
      damage = error
    }
    yield* entries
    if (damage !== undefined) return void (yield { kind: 'damage', position: entryAt, reason: reasonOf(damage) })
    carried = Buffer.from(block.subarray(end, carried.length + filled))
    position += filled
  }
  if (carried.length > 0) yield { kind: 'damage', position: entryAt, reason: 'its last entry is not whole' }
}

function wrongWith(header: Buffer): string | undefined {
  if (header.length < SLOT_HEADER_SIZE) return 'it ends within its header'
  if (header.toString('latin1', 0, 4) !== SLOT_MAGIC) return `it does not begin with ${SLOT_MAGIC}`
  const version = header.readUInt16BE(4)
  return version === SLOT_VERSION ? undefined : `its version is ${version}, this program reads ${SLOT_VERSION}`
}

function reasonOf({ code, message }: DwellError): string {
  return code === 'SLOT_DAMAGED' ? message.slice(message.indexOf(': ') + 2, -1) : message
}
