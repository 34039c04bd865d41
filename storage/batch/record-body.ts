// The part of a record that travels unchanged from publisher to consumer, through the wheel, the lanes and the dead
// letters: key, value and headers, in the encoding they have inside a Kafka record.
//
//   keyLength varint (-1 null) · key · valueLength varint (-1 null) · value · headerCount varint · each header:
//   keyLength varint · UTF-8 key · valueLength varint (-1 null) · value

import { DwellError } from '../base/errors.ts'
import { VarintReader, varintSize, writeVarint } from '../base/varint.ts'
import type { BodySource } from '../engine.ts'

export type Header = readonly [name: string, value: Uint8Array | null]

export interface RecordBody {
  key: Buffer | null
  value: Buffer | null
  headers: Header[]
}

/** Headers that many records have, encoded once. */
export class EncodedHeaders {
  readonly count: number
  readonly bytes: Buffer

  constructor(headers: readonly Header[]) {
    this.count = headers.length
    this.bytes = Buffer.allocUnsafeSlow(headersSize(headers))
    writeHeaders(this.bytes, 0, headers)
  }
}

const NO_MORE = new EncodedHeaders([])

/** A body that is not put together before it is written; null for a key or a value that is absent. */
export class RecordBodySource implements BodySource {
  readonly length: number
  readonly #key: Uint8Array | null
  readonly #value: Uint8Array | null
  readonly #headers: readonly Header[]
  readonly #more: EncodedHeaders

  /** `more` come behind `headers`. */
  constructor(
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly Header[],
    more: EncodedHeaders = NO_MORE,
  ) {
    this.#key = key
    this.#value = value
    this.#headers = headers
    this.#more = more
    const headersLength = varintSize(headers.length + more.count) + headersSize(headers) + more.bytes.length
    this.length = fieldSize(key) + fieldSize(value) + headersLength
  }

  writeTo(into: Buffer, position: number): void {
    let at = writeField(into, position, this.#key)
    at = writeField(into, at, this.#value)
    at = writeVarint(into, at, this.#headers.length + this.#more.count)
    at = writeHeaders(into, at, this.#headers)
    into.set(this.#more.bytes, at)
  }
}

/** Encodes key, value and headers; null for a key or a value that is absent. */
export function encodeRecordBody(key: Uint8Array | null, value: Uint8Array | null, headers: readonly Header[]): Buffer {
  const source = new RecordBodySource(key, value, headers)
  const bytes = Buffer.allocUnsafe(source.length)
  source.writeTo(bytes, 0)
  return bytes
}

/**
 * Decodes a body; key and value are views into `bytes`.
 * @throws RECORD_DAMAGED
 */
export function decodeRecordBody(bytes: Uint8Array): RecordBody {
  const reader = new VarintReader(bytes)
  const key = readField(reader)
  const value = readField(reader)
  const headerCount = reader.next()
  const headers: Header[] = []
  for (let i = 0; i < headerCount && !reader.failed; i++) {
    const name = readField(reader)
    headers.push([name === null ? '' : name.toString(), readField(reader)])
  }
  if (reader.failed || reader.position !== bytes.length) {
    throw new DwellError('RECORD_DAMAGED', 'A record ends before or after its fields do.')
  }
  return { key, value, headers }
}

/**
 * The value alone, a view into `bytes`: for records whose key and headers say nothing.
 * @throws RECORD_DAMAGED
 */
export function valueOfRecordBody(bytes: Uint8Array): Buffer | null {
  const reader = new VarintReader(bytes)
  readField(reader)
  const value = readField(reader)
  if (reader.failed) throw new DwellError('RECORD_DAMAGED', 'A record ends before its fields do.')
  return value
}

/** The key alone, a view into `bytes`; null when there is none, or no record either. */
export function keyOfRecordBody(bytes: Uint8Array): Buffer | null {
  const reader = new VarintReader(bytes)
  const key = readField(reader)
  return reader.failed ? null : key
}

/** A body that has a value, no key and no headers. */
export class RecordValueSource implements BodySource {
  readonly length: number
  readonly #value: BodySource

  constructor(value: BodySource) {
    this.#value = value
    this.length = 1 + varintSize(value.length) + value.length + 1
  }

  writeTo(into: Buffer, position: number): void {
    const at = writeVarint(into, writeVarint(into, position, -1), this.#value.length)
    this.#value.writeTo(into, at)
    writeVarint(into, at + this.#value.length, 0)
  }
}

function headersSize(headers: readonly Header[]): number {
  let size = 0
  for (let i = 0; i < headers.length; i++) {
    const nameSize = Buffer.byteLength(headers[i][0])
    size += varintSize(nameSize) + nameSize + fieldSize(headers[i][1])
  }
  return size
}

function writeHeaders(into: Buffer, position: number, headers: readonly Header[]): number {
  let at = position
  for (let i = 0; i < headers.length; i++) {
    const [name, content] = headers[i]
    at = writeVarint(into, at, Buffer.byteLength(name))
    at += into.write(name, at)
    at = writeField(into, at, content)
  }
  return at
}

function fieldSize(field: Uint8Array | null): number {
  return field === null ? 1 : varintSize(field.length) + field.length
}

function writeField(into: Buffer, position: number, field: Uint8Array | null): number {
  if (field === null) return writeVarint(into, position, -1)
  position = writeVarint(into, position, field.length)
  into.set(field, position)
  return position + field.length
}

function readField(reader: VarintReader): Buffer | null {
  const size = reader.next()
  if (size < 0) return null
  const { bytes, position } = reader
  if (reader.failed || position + size > bytes.length) {
    reader.failed = true
    return null
  }
  reader.position += size
  return Buffer.from(bytes.buffer, bytes.byteOffset + position, size)
}
