// Messages that carry their number, so that whoever reads them back can tell which came, and how often.
//
// A value is text: ten digits, the number, then filling up to the size that is asked for. Requests of many such messages
// are made once and only their digits are written anew: making the load must not be what is measured.

const NUMBER_DIGITS = 10
const DUE_DIGITS = 13

/** The value of message `n`, `size` bytes. */
export function textOf(n: number, size: number): string {
  return String(n).padStart(NUMBER_DIGITS, '0').padEnd(size, 'x')
}

/** The number of the message with this value; NaN when it is none of ours. */
export function numberOf(value: string | Buffer): number {
  const digits = typeof value === 'string' ? value.slice(0, NUMBER_DIGITS) : value.toString('latin1', 0, NUMBER_DIGITS)
  return Number(digits)
}

/** A number below `below` that follows from `n` and looks like chance. */
export function scattered(n: number, below: number): number {
  let mixed = Math.imul(n ^ (n >>> 16), 0x45d9f3b)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b)
  return ((mixed ^ (mixed >>> 16)) >>> 0) % below
}

/** The own id of message `n`. */
export function ownIdOf(n: number): string {
  return `m${String(n).padStart(NUMBER_DIGITS, '0')}`
}

/** An NDJSON request of up to so many delayed messages, used again and again by one sender. */
export class NumberedLines {
  readonly #bytes: Buffer
  readonly #lineSize: number
  readonly #numberAts: readonly number[]
  readonly #dueAt: number

  constructor({ messages, size, ownIds }: { messages: number; size: number; ownIds: boolean }) {
    const line = `${JSON.stringify({
      value: textOf(0, size),
      deliverAt: 10 ** (DUE_DIGITS - 1),
      ...(ownIds && { id: ownIdOf(0) }),
    })}\n`
    this.#bytes = Buffer.from(line.repeat(messages), 'latin1')
    this.#lineSize = line.length
    this.#numberAts = [line.indexOf(':"') + 2, ...(ownIds ? [line.lastIndexOf('"m') + 2] : [])]
    this.#dueAt = line.indexOf(`${10 ** (DUE_DIGITS - 1)}`)
  }

  /** Messages `from` … `to` - 1; valid until the next call. */
  lines(from: number, to: number, dueAtMs: (n: number) => number): Buffer {
    for (let n = from, at = 0; n < to; n++, at += this.#lineSize) {
      for (const numberAt of this.#numberAts) writeDigits(this.#bytes, at + numberAt, NUMBER_DIGITS, n)
      writeDigits(this.#bytes, at + this.#dueAt, DUE_DIGITS, dueAtMs(n))
    }
    return this.#bytes.subarray(0, (to - from) * this.#lineSize)
  }
}

function writeDigits(into: Buffer, position: number, digits: number, value: number): void {
  for (let i = digits - 1, rest = value; i >= 0; i--) {
    into[position + i] = 48 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
}
