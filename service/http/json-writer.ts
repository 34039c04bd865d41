// The JSON of an answer, written as bytes: values go from the log to the socket without becoming text in between. As text
// an answer of 500 records of 1 KB cost a fifth of the server's time twice over: to measure it in UTF-8, and to encode it.
//
// Always true:
//   1. One answer is written at a time, in one turn; what is not finished is forgotten by the next begin().
//   2. A large answer lies in a buffer out of a pool that is used again when the answer is out or its connection gone.
//      A small one leaves as text: that goes out in one piece with its head.

import type { ServerResponse } from 'node:http'
import { BufferPool, type PooledBuffer } from '../../storage/index.ts'
import { ControlBytes } from '../control-bytes.ts'

/** Of answers whose JSON is put together by hand. */
export const JSON_TYPE = 'application/json; charset=utf-8'

const KIB = 1024
const SMALL_BYTES = 8 * KIB
/** More than a character takes in UTF-8. */
const CHARACTER_BYTES_MAX = 3
const QUOTE = 0x22
const BACKSLASH = 0x5c

export class JsonWriter {
  readonly #pool = new BufferPool()
  readonly #small = Buffer.allocUnsafeSlow(SMALL_BYTES)
  #bytes: Buffer = this.#small
  #pooled: PooledBuffer | undefined
  #size = 0
  readonly #controls = new ControlBytes()

  /** `sizeGuess`: about as many bytes as there will be, to spare copies on the way there. */
  begin(sizeGuess = 0): void {
    this.#pooled?.release()
    this.#pooled = undefined
    this.#bytes = this.#small
    this.#size = 0
    this.#room(sizeGuess)
  }

  /** JSON, as it is. */
  text(json: string): void {
    this.#room(json.length * CHARACTER_BYTES_MAX)
    this.#size += this.#bytes.write(json, this.#size)
  }

  /** JSON in UTF-8, as it is. */
  raw(json: Uint8Array): void {
    this.#room(json.length)
    this.#bytes.set(json, this.#size)
    this.#size += json.length
  }

  /** A string whose text is given in UTF-8. */
  string(utf8: Buffer): void {
    const isEscaped = utf8.includes(QUOTE) || utf8.includes(BACKSLASH)
    if (isEscaped || this.#controls.isBetween(utf8, 0, utf8.length)) {
      this.text(JSON.stringify(utf8.toString()))
      return
    }
    this.#room(utf8.length + 2)
    this.#bytes[this.#size] = QUOTE
    this.#bytes.set(utf8, this.#size + 1)
    this.#size += utf8.length + 2
    this.#bytes[this.#size - 1] = QUOTE
  }

  /** What was written, to be sent as this answer. */
  finish(answer: ServerResponse): string | Buffer {
    const pooled = this.#pooled
    const size = this.#size
    this.#pooled = undefined
    if (pooled === undefined) return this.#small.toString('utf8', 0, size)
    // If it is closed already, the buffer is left to the garbage collector.
    answer.once('close', () => pooled.release())
    return pooled.bytes.subarray(0, size)
  }

  #room(size: number): void {
    if (this.#size + size <= this.#bytes.length) return
    const larger = this.#pool.take(Math.max(2 * this.#bytes.length, this.#size + size))
    larger.bytes.set(this.#bytes.subarray(0, this.#size))
    this.#pooled?.release()
    this.#pooled = larger
    this.#bytes = larger.bytes
  }
}
