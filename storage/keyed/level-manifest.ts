// Which tables a LevelDB folder counts as its own: those that its manifest names (leveldb/db/version_edit.cc). Others are
// what a process left behind that was killed while it wrote them; they may be cut, nobody reads them, and LevelDB removes
// them when it opens.
//
// The manifest is a file of edits, one after the other, in LevelDB's log format (leveldb/doc/log_format.md): blocks of
// 32 KiB, in each
//
//   ┌─────────────┬──────────────────┬───────────┬────────────────┐
//   │ crc32c <4b> │ length <2b, LE>  │ type <1b> │ data <length b>│     type 1 whole, 2 first, 3 middle, 4 last part
//   └─────────────┴──────────────────┴───────────┴────────────────┘
//
// An edit is fields, each a tag and what follows; numbers are unsigned varints, a text is its length and its bytes:
//
//   1 comparator text · 2 log, 3 next file, 4 last sequence, 9 previous log: number · 5 compact pointer: level, text
//   6 deleted table: level, number · 7 new table: level, number, size, smallest text, largest text
//
// Checksums are left to LevelDB, which refuses a manifest that is damaged.

const BLOCK_SIZE = 32 * 1024
const HEADER_SIZE = 7
const Part = { whole: 1, first: 2, middle: 3, last: 4 } as const
const Tag = { comparator: 1, pointer: 5, deleted: 6, added: 7 } as const
const NUMBERS = new Set([2, 3, 4, 9])

/** The numbers of the tables that a manifest counts; undefined when it is none. A torn end is left out. */
export function tablesOf(manifest: Buffer): Set<number> | undefined {
  const tables = new Set<number>()
  for (const edit of editsOf(manifest)) if (!apply(edit, tables)) return undefined
  return tables
}

function* editsOf(manifest: Buffer): Generator<Buffer> {
  let parts: Buffer[] = []
  let at = 0
  while (at + HEADER_SIZE <= manifest.length) {
    const left = BLOCK_SIZE - (at % BLOCK_SIZE)
    if (left < HEADER_SIZE) {
      at += left
      continue
    }
    const length = manifest.readUInt16LE(at + 4)
    const type = manifest[at + 6]
    const end = at + HEADER_SIZE + length
    if (end > manifest.length) return
    if (type === Part.whole || type === Part.first) parts = []
    parts.push(manifest.subarray(at + HEADER_SIZE, end))
    if (type === Part.whole || type === Part.last) yield Buffer.concat(parts)
    at = end
  }
}

/** False when the bytes are no edit. */
function apply(edit: Buffer, tables: Set<number>): boolean {
  const fields = new Fields(edit)
  while (!fields.isAtEnd) {
    const tag = fields.number()
    if (tag === Tag.comparator) fields.skipText()
    else if (NUMBERS.has(tag)) fields.number()
    else if (tag === Tag.pointer) {
      fields.number()
      fields.skipText()
    } else if (tag === Tag.deleted) {
      fields.number()
      tables.delete(fields.number())
    } else if (tag === Tag.added) {
      fields.number()
      tables.add(fields.number())
      fields.number()
      fields.skipText()
      fields.skipText()
    } else return false
  }
  return !fields.failed
}

class Fields {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** Whether something was read beyond the end. */
  get failed(): boolean {
    return this.#at > this.#bytes.length
  }

  number(): number {
    let value = 0
    let byte: number
    let scale = 1
    do {
      byte = this.#bytes[this.#at++] ?? 0
      value += (byte & 0x7f) * scale
      scale *= 0x80
    } while (byte >= 0x80)
    return value
  }

  skipText(): void {
    const length = this.number()
    this.#at += length
  }
}
