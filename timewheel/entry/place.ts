// Where an entry stands in the order of firing: the pair (dueAtMs, offset in __delay). The id that the server gives to a
// delayed message is its place in text, so it needs no index, and ids sort as their messages fire.

export interface Place {
  dueAtMs: number
  /** Offset in `__delay`. */
  offset: number
}

/** Before every entry. */
export const BEGINNING: Place = { dueAtMs: 0, offset: -1 }

/** The last place of all that are due up to `dueAtMs`. */
export function lastPlaceOf(dueAtMs: number): Place {
  return { dueAtMs, offset: Number.MAX_SAFE_INTEGER }
}

/** Negative when `a` fires before `b`, positive when after, zero when they are the same. */
export function comparePlaces(a: Place, b: Place): number {
  return a.dueAtMs - b.dueAtMs || a.offset - b.offset
}

// Crockford's base 32: no i, l, o, u; in ASCII order, so that text sorts as numbers do.
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'
const DIGIT_BYTES = Buffer.from(DIGITS, 'latin1')
const DUE_DIGITS = 10
const PARTITION_DIGITS = 4
const OFFSET_DIGITS = 12
/** Stands where the id will be, in a record that is published before its offset is known. */
export const ID_PLACEHOLDER = Buffer.alloc(DUE_DIGITS + PARTITION_DIGITS + OFFSET_DIGITS, '-')

/** The id of the message at `place`: 26 characters, ten for the due time, four for the partition of `__delay`, twelve for the offset. */
export function messageId(place: Place): string {
  const bytes = Buffer.allocUnsafe(ID_PLACEHOLDER.length)
  writeMessageId(bytes, 0, place)
  return bytes.toString('latin1')
}

/** Writes the id of the message at `place`, where ID_PLACEHOLDER stood: for each message that is dispatched, so no text is made. */
export function writeMessageId(into: Buffer, position: number, { dueAtMs, offset }: Place): void {
  const partitionAt = position + DUE_DIGITS
  writeDigits(into, position, dueAtMs, DUE_DIGITS)
  writeDigits(into, partitionAt, 0, PARTITION_DIGITS)
  writeDigits(into, partitionAt + PARTITION_DIGITS, offset, OFFSET_DIGITS)
}

/** The place that an id of messageId() names; undefined for any other text. */
export function parseMessageId(id: string): Place | undefined {
  if (id.length !== ID_PLACEHOLDER.length) return undefined
  const dueAtMs = fromDigits(id.slice(0, DUE_DIGITS))
  const partition = fromDigits(id.slice(DUE_DIGITS, DUE_DIGITS + PARTITION_DIGITS))
  const offset = fromDigits(id.slice(DUE_DIGITS + PARTITION_DIGITS))
  if (dueAtMs === undefined || partition !== 0 || offset === undefined) return undefined
  return { dueAtMs, offset }
}

function writeDigits(into: Buffer, position: number, value: number, digits: number): void {
  // Six digits are thirty bits, which is as much as the quick operations take.
  let low = value % 2 ** 30
  let high = (value - low) / 2 ** 30
  const middle = position + digits - 6
  for (let at = position + digits - 1; at >= position; at--) {
    if (at >= middle) {
      into[at] = DIGIT_BYTES[low & 31]
      low >>>= 5
    } else {
      into[at] = DIGIT_BYTES[high & 31]
      high >>>= 5
    }
  }
}

function fromDigits(text: string): number | undefined {
  let value = 0
  for (const character of text) {
    const digit = DIGITS.indexOf(character)
    if (digit < 0) return undefined
    value = value * 32 + digit
  }
  return Number.isSafeInteger(value) ? value : undefined
}
