// Records as JSON text. Values that were published as JSON go out as the very text they came in, spliced in, not parsed.

import { isUtf8 } from 'node:buffer'
import { decodeRecordBody, type Header } from '../../storage/index.ts'
import type { Delivery } from '../delivery/index.ts'
import { FORM_HEADER, ID_HEADER, INTERNAL_HEADER_PREFIX } from '../publish/message.ts'
import { formatTime } from '../time.ts'
import type { JsonWriter } from './json-writer.ts'

/**
 * The members `"key": …, "value": …, "headers": …` and, if there is one, `"id": …` of a record body; without braces, to be
 * put among others. Our own headers stay inside. A value or a key that is no UTF-8 comes as `valueBase64`, `keyBase64`. The id
 * is the one among the headers, unless another is given.
 */
export function bodyMembers(body: Uint8Array, givenId?: string): string {
  const { key, value, headers } = decodeRecordBody(body)
  const { form, members } = readHeaders(headers, givenId)
  return `${keyMember(key)},${valueMember(value, form)},${members}`
}

/** Writes what bodyMembers() answers; the value, most of it, as the bytes that it is. */
export function writeBodyMembers(json: JsonWriter, body: Uint8Array): void {
  const { key, value, headers } = decodeRecordBody(body)
  const { form, members } = readHeaders(headers)
  const isText = value !== null && form === '' && isUtf8(value)
  if (isText || (value !== null && form === 'json')) {
    json.text(`${keyMember(key)},"value":`)
    if (isText) json.string(value)
    else json.raw(value)
    json.text(`,${members}`)
  } else json.text(`${keyMember(key)},${valueMember(value, form)},${members}`)
}

/** The form of the value; and the members that headers make. */
function readHeaders(headers: readonly Header[], givenId?: string): { form: string; members: string } {
  let form = ''
  let id = ''
  let own = ''
  for (let i = 0; i < headers.length; i++) {
    const [name, content] = headers[i]
    if (!name.startsWith(INTERNAL_HEADER_PREFIX)) own += headerMember(own, headers[i])
    else if (name === FORM_HEADER && content !== null) form = (content as Buffer).toString('latin1')
    else if (name === ID_HEADER && content !== null) id = (content as Buffer).toString()
  }
  if (givenId !== undefined) id = givenId
  return { form, members: `"headers":{${own}}${id === '' ? '' : `,"id":${JSON.stringify(id)}`}` }
}

function keyMember(key: Buffer | null): string {
  if (key === null) return '"key":null'
  return isUtf8(key) ? `"key":${JSON.stringify(key.toString())}` : `"keyBase64":"${key.toString('base64')}"`
}

function valueMember(value: Buffer | null, form: string): string {
  if (value === null) return '"value":null'
  if (form === 'json') return `"value":${value.toString()}`
  if (form === 'base64' || !isUtf8(value)) return `"valueBase64":"${value.toString('base64')}"`
  return `"value":${JSON.stringify(value.toString())}`
}

function headerMember(before: string, [name, content]: Header): string {
  const comma = before === '' ? '' : ','
  const text =
    content === null
      ? 'null'
      : JSON.stringify(Buffer.from(content.buffer, content.byteOffset, content.length).toString())
  return `${comma}${JSON.stringify(name)}:${text}`
}

/** The members of a record that tell of its tries. */
export function attemptsJson({ attempts, attemptsDropped }: Pick<Delivery, 'attempts' | 'attemptsDropped'>): string {
  const kept = attempts.map(({ at, cause, reason }) => ({ at: formatTime(at), cause, reason }))
  const dropped = attemptsDropped === undefined ? '' : `,"attemptsDropped":${attemptsDropped}`
  return `"attempts":${JSON.stringify(kept)}${dropped}`
}
