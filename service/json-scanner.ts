// Reads JSON in place, byte by byte, building nothing: values are kept as the text they were written in, so that
// 9007199254740993, 1.10 and objects with a key given twice come back as they were published.
//
// Always true:
//   1. What it lets pass is valid JSON (RFC 8259) of valid UTF-8, nested at most DEPTH_MAX deep.
//   2. Memory does not grow with what is read.
//
// Long strings, which most values are, are passed by native searches and by words: byte by byte a message of 1 KB took
// 3.0 µs, and letting JSON.parse() look for control characters left two kilobytes of garbage.

import { isUtf8 } from 'node:buffer'
import { DwellError } from '../storage/index.ts'
import { ControlBytes } from './control-bytes.ts'

/** Deeper than any parser of a consumer is likely to follow. */
export const DEPTH_MAX = 1_000

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** 1 for bytes that stand for themselves in a string: not a quote, a backslash or a control character. */
const PLAIN = new Uint8Array(256).map((_, byte) => (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0))
const ESCAPED = new Uint8Array(256).map((_, byte) => ('"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0))
/** A string that is longer is passed by native searches, which cost about as much as so many bytes. */
const SHORT_STRING = 48
const HEX = new Uint8Array(256).map((_, byte) => (/[0-9a-fA-F]/.test(String.fromCharCode(byte)) ? 1 : 0))

/** Throws INVALID_UTF8 when `bytes` are not valid UTF-8. */
export function checkUtf8(bytes: Uint8Array): void {
  if (!isUtf8(bytes)) throw new DwellError('INVALID_UTF8', 'The body is not valid UTF-8.')
}

export class JsonScanner {
  bytes: Buffer
  position: number
  #end: number
  /** Whether the last string had escapes: its bytes are then not its text. */
  escaped = false
  /** Where the next backslash is, as far as it was looked for; Infinity for nowhere. */
  #backslash = -1
  /** Which of the open brackets are objects, outermost first. */
  readonly #objects = new Uint8Array(DEPTH_MAX)
  readonly #controls = new ControlBytes()

  constructor() {
    this.bytes = Buffer.alloc(0)
    this.position = 0
    this.#end = 0
  }

  /** Starts to read `bytes` from `position` to `end`. They must be valid UTF-8: see checkUtf8(). */
  begin(bytes: Buffer, position = 0, end = bytes.length): void {
    if (bytes !== this.bytes || position < this.position) this.#backslash = -1
    this.bytes = bytes
    this.position = position
    this.#end = end
  }

  /** Passes spaces; answers the byte that follows, -1 at the end. */
  peek(): number {
    const { bytes } = this
    let at = this.position
    const end = this.#end
    while (at < end) {
      const byte = bytes[at]
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) {
        this.position = at
        return byte
      }
      at++
    }
    this.position = at
    return -1
  }

  /** Passes `byte`, which must come next. */
  expect(byte: number): void {
    if (this.peek() !== byte) this.#unexpected()
    this.position++
  }

  /** Passes the opening brace of an object; false when the object is empty (and then passed). */
  enterObject(): boolean {
    this.expect(OPEN_OBJECT)
    if (this.peek() !== CLOSE_OBJECT) return true
    this.position++
    return false
  }

  /** Passes the opening bracket of an array; false when the array is empty (and then passed). */
  enterArray(): boolean {
    this.expect(OPEN_ARRAY)
    if (this.peek() !== CLOSE_ARRAY) return true
    this.position++
    return false
  }

  /** Passes a name and its colon; answers the name. */
  name(): string {
    const name = this.text()
    this.expect(COLON)
    return name
  }

  /** Passes the comma before another member, or the end of the object. */
  moreMembers(): boolean {
    return this.#more(CLOSE_OBJECT)
  }

  moreElements(): boolean {
    return this.#more(CLOSE_ARRAY)
  }

  #more(close: number): boolean {
    const byte = this.peek()
    if (byte !== COMMA && byte !== close) this.#unexpected()
    this.position++
    return byte === COMMA
  }

  /** Passes the end of the text. */
  finish(): void {
    if (this.peek() !== -1) this.#unexpected()
  }

  /** Passes a string, which must come next; answers its text. Lone surrogates are refused: they are no text. */
  text(): string {
    const start = this.string()
    if (!this.escaped) return this.bytes.toString('utf8', start + 1, this.position - 1)
    const text: string = JSON.parse(this.bytes.toString('utf8', start, this.position))
    if (!text.isWellFormed()) throw new DwellError('INVALID_UTF8', 'A text holds half of a surrogate pair.')
    return text
  }

  /** As text(), in UTF-8: a view when the string has no escapes. */
  textBytes(): Buffer {
    const start = this.string()
    if (!this.escaped) return this.bytes.subarray(start + 1, this.position - 1)
    this.position = start
    return Buffer.from(this.text())
  }

  /** Passes a string, which must come next; answers the position of its opening quote and sets `escaped`. */
  string(): number {
    if (this.peek() !== QUOTE) this.#unexpected()
    const start = this.position
    const { bytes } = this
    const shortEnd = Math.min(this.#end, start + SHORT_STRING)
    let at = start + 1
    while (at < shortEnd && PLAIN[bytes[at]] === 1) at++
    if (at < shortEnd && bytes[at] === QUOTE) {
      this.escaped = false
      this.position = at + 1
    } else if (at < shortEnd || !this.#passLongString(at)) {
      this.#passAnyString(at)
    }
    return start
  }

  /** Passes the rest of a string, from `at` on, if it has neither escapes nor anything wrong. */
  #passLongString(at: number): boolean {
    const { bytes } = this
    const quote = bytes.indexOf(QUOTE, at)
    if (quote < 0 || quote >= this.#end) return false
    if (this.#backslash < at) {
      const found = bytes.indexOf(BACKSLASH, at)
      this.#backslash = found < 0 ? Number.POSITIVE_INFINITY : found
    }
    if (this.#backslash < quote || this.#controls.isBetween(this.bytes, at, quote)) return false
    this.escaped = false
    this.position = quote + 1
    return true
  }

  #passAnyString(at: number): void {
    const { bytes } = this
    const end = this.#end
    this.escaped = false
    for (;;) {
      while (at < end && PLAIN[bytes[at]] === 1) at++
      this.position = at
      if (at >= end) this.#unexpected()
      const byte = bytes[at]
      if (byte === QUOTE) break
      if (byte !== BACKSLASH) this.#unexpected()
      this.escaped = true
      at = this.#escape(at + 1)
    }
    this.position = at + 1
  }

  #escape(at: number): number {
    const { bytes } = this
    if (at < this.#end && ESCAPED[bytes[at]] === 1) return at + 1
    this.position = at
    if (at + 5 > this.#end || bytes[at] !== 0x75) this.#unexpected()
    for (let i = 1; i <= 4; i++) if (HEX[bytes[at + i]] === 0) this.#unexpected()
    return at + 5
  }

  /** Passes a value, which must come next; answers where it begins. It ends at `position`. */
  value(): number {
    this.peek()
    const start = this.position
    let depth = 0
    for (;;) {
      const byte = this.peek()
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (depth === DEPTH_MAX) {
          throw new DwellError('INVALID_JSON', `The JSON is nested deeper than ${DEPTH_MAX}.`, { limit: DEPTH_MAX })
        }
        if (byte === OPEN_OBJECT ? this.enterObject() : this.enterArray()) {
          const isObject = byte === OPEN_OBJECT ? 1 : 0
          this.#objects[depth++] = isObject
          if (isObject === 1) this.#passName()
          continue
        }
      } else this.#scalar(byte)
      while (depth > 0) {
        const isObject = this.#objects[depth - 1] === 1
        if (this.#more(isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
          if (isObject) this.#passName()
          break
        }
        depth--
      }
      if (depth === 0) return start
    }
  }

  #passName(): void {
    this.string()
    this.expect(COLON)
  }

  #scalar(byte: number): void {
    if (byte === QUOTE) this.string()
    else if (byte === MINUS || (byte >= ZERO && byte <= NINE)) this.#passNumber()
    else if (byte === 0x74) this.#literal('true')
    else if (byte === 0x66) this.#literal('false')
    else if (byte === 0x6e) this.#literal('null')
    else this.#unexpected()
  }

  #literal(word: string): void {
    for (let i = 0; i < word.length; i++, this.position++) {
      if (this.position >= this.#end || this.bytes[this.position] !== word.charCodeAt(i)) this.#unexpected()
    }
  }

  /** Passes a number, which must come next; answers its value as far as a double can hold it. */
  number(): number {
    this.peek()
    const start = this.position
    this.#passNumber()
    return Number(this.bytes.toString('latin1', start, this.position))
  }

  #passNumber(): void {
    const { bytes } = this
    const end = this.#end
    if (bytes[this.position] === MINUS) this.position++
    if (this.position < end && bytes[this.position] === ZERO) this.position++
    else this.#digits()
    if (this.position < end && bytes[this.position] === DOT) {
      this.position++
      this.#digits()
    }
    if (this.position < end && (bytes[this.position] | 0x20) === 0x65) {
      this.position++
      const sign = bytes[this.position]
      if (this.position < end && (sign === 0x2b || sign === MINUS)) this.position++
      this.#digits()
    }
  }

  #digits(): void {
    const start = this.position
    const { bytes } = this
    let at = start
    while (at < this.#end && bytes[at] >= ZERO && bytes[at] <= NINE) at++
    this.position = at
    if (at === start) this.#unexpected()
  }

  #unexpected(): never {
    const { bytes, position } = this
    if (position >= this.#end) throw new DwellError('INVALID_JSON', 'The JSON ends too early.', { position })
    const byte = bytes[position]
    const shown =
      byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `byte 0x${byte.toString(16).padStart(2, '0')}`
    throw new DwellError('INVALID_JSON', `The JSON is wrong at byte ${position}: ${shown} was not expected.`, {
      position,
    })
  }
}
