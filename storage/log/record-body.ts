// The part of a record that travels unchanged from publisher to consumer, through the wheel, the lanes and the dead
// letters: key, value and headers, in the encoding they have inside a Kafka record.
//
//   keyLength varint (-1 null) · key · valueLength varint (-1 null) · value · headerCount varint · each header:
//   keyLength varint · UTF-8 key · valueLength varint (-1 null) · value

import { DwellError } from '../base/errors.ts'
import { VarintReader, varintSize, writeVarint } from '../base/varint.ts'

export type Header = readonly [name: string, value: Uint8Array | null]

export interface RecordBody {
  key: Buffer | null
  value: Buffer | null
  headers: Header[]
}

/** Encodes key, value and headers; null for a key or a value that is absent. */
export function encodeRecordBody(key: Uint8Array | null, value: Uint8Array | null, headers: readonly Header[]): Buffer {
  let size = fieldSize(key) + fieldSize(value) + varintSize(headers.length)
  for (const [name, content] of headers) {
    const nameSize = Buffer.byteLength(name)
    size += varintSize(nameSize) + nameSize + fieldSize(content)
  }
  const bytes = Buffer.allocUnsafe(size)
  let position = writeField(bytes, 0, key)
  position = writeField(bytes, position, value)
  position = writeVarint(bytes, position, headers.length)
  for (const [name, content] of headers) {
    const nameSize = Buffer.byteLength(name)
    position = writeVarint(bytes, position, nameSize)
    position += bytes.write(name, position)
    position = writeField(bytes, position, content)
  }
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

/**
 * Makes room for a body that has a value of `valueSize` bytes, no key and no headers; `write` puts the value at the position
 * it is given.
 */
export function encodeRecordValue(valueSize: number, write: (into: Buffer, position: number) => void): Buffer {
  const bytes = Buffer.allocUnsafe(1 + varintSize(valueSize) + valueSize + 1)
  const position = writeVarint(bytes, writeVarint(bytes, 0, -1), valueSize)
  write(bytes, position)
  writeVarint(bytes, position + valueSize, 0)
  return bytes
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
