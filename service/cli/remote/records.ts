// Records, delayed messages and dead letters as the command line prints them: one a line.

import type { Content } from '../../client/index.ts'
import type { Output } from '../output.ts'
import { preview } from '../words.ts'

const VALUE_BYTES_SHOWN = 2_000

/** Prints each with its place in front; as JSON, one document a line. */
export async function printRecords<T extends Content>(
  output: Output,
  records: Iterable<T> | AsyncIterable<T>,
  json: boolean,
  placeOf: (record: T) => string,
  limit = Number.POSITIVE_INFINITY,
): Promise<number> {
  let count = 0
  for await (const record of records) {
    if (output.closed || count === limit) break
    count++
    await output.line(json ? JSON.stringify(record) : `${placeOf(record)}  ${contentOf(record)}`)
  }
  return count
}

/** Key and value in one line; a dash where there is no key. */
export function contentOf(record: Pick<Content, 'key' | 'keyBase64' | 'value' | 'valueBase64'>): string {
  const key = record.key ?? record.keyBase64 ?? '-'
  return `${printable(key)}  ${valueText(record)}`
}

/** The value: text as it is, other JSON as its text, bytes in hexadecimal. */
export function valueText({ value, valueBase64 }: Pick<Content, 'value' | 'valueBase64'>): string {
  if (valueBase64 !== undefined) return preview(Buffer.from(valueBase64, 'base64'), VALUE_BYTES_SHOWN)
  return typeof value === 'string' ? printable(value) : JSON.stringify(value)
}

/** A message is not to write to the terminal what moves its cursor or worse. */
function printable(text: string): string {
  return text.replace(/(?![\t\n])\p{Cc}/gu, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
