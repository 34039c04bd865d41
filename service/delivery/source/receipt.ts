// A receipt stands for one record in one acquisition. Nobody can guess one: the token is 128 random bits that the group
// keeps with the run, so a receipt of another group, of an earlier acquisition or of somebody's making matches nothing.
//
//   base64url of ┌─────────────┬──────────────┬─────────────┐
//                │ token <16b> │ source <3b>  │ offset <8b> │   27 bytes, 36 characters, no padding
//                └─────────────┴──────────────┴─────────────┘

import { readUInt64, writeUInt64 } from '../../../storage/index.ts'
import { TOKEN_SIZE } from './run.ts'

const SIZE = 27
const TEXT_LENGTH = 36
const SOURCE_AT = TOKEN_SIZE
const OFFSET_AT = TOKEN_SIZE + 3

/** Writes receipts of one acquisition, one source after the other. */
export class ReceiptWriter {
  readonly #bytes = Buffer.alloc(SIZE)

  constructor(token: Buffer) {
    this.#bytes.set(token, 0)
  }

  write(sourceIndex: number, offset: number): string {
    this.#bytes[SOURCE_AT] = sourceIndex >>> 16
    this.#bytes[SOURCE_AT + 1] = sourceIndex >>> 8
    this.#bytes[SOURCE_AT + 2] = sourceIndex
    writeUInt64(this.#bytes, OFFSET_AT, offset)
    return this.#bytes.toString('base64url')
  }
}

/** Reads receipts into its own fields: no object per receipt, for acknowledgements come by the hundred. */
export class ReceiptReader {
  readonly #bytes = Buffer.alloc(SIZE)
  sourceIndex = 0
  offset = 0

  /** False when `text` is no receipt at all. */
  read(text: string): boolean {
    if (typeof text !== 'string' || text.length !== TEXT_LENGTH) return false
    if (this.#bytes.write(text, 0, 'base64url') !== SIZE) return false
    this.sourceIndex = this.#bytes.readUIntBE(SOURCE_AT, 3)
    this.offset = readUInt64(this.#bytes, OFFSET_AT)
    return true
  }

  /** Whether the receipt read last carries this token. */
  carries(token: Buffer): boolean {
    return token.compare(this.#bytes, 0, TOKEN_SIZE) === 0
  }
}
