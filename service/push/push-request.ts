// What an endpoint is sent for a record: POST, the value as the body, the rest in headers.
//
//   Content-Type                    the record's header `content-type`, which raw messages have; else by the value's form
//   webhook-id, webhook-timestamp   by the Standard Webhooks specification; the id stays the same over all tries of a record
//   webhook-signature               when the endpoint has a secret
//   Dwell-Topic, -Group, -Partition, -Offset, -Timestamp   of the original record, also when this is a retry
//   Dwell-Delivery-Count            1 at the first delivery
//   Dwell-Key, Dwell-Id             as UTF-8, as a raw publish takes them; a key that no header can carry as Dwell-Key-Base64
//   Dwell-Header-<name>             the record's own headers; Dwell-Headers-Left-Out counts those that no header can carry
//   traceparent, tracestate         by W3C Trace Context, of messages that were published in a trace: push-trace.ts adds them
//
// Names that a publisher chose come only behind `Dwell-Header-`, so no message sets Host, Authorization or one of these.

import { isUtf8 } from 'node:buffer'
import { hash, type KeyObject } from 'node:crypto'
import { decodeRecordBody, type Header, type RecordBody } from '../../storage/index.ts'
import type { Delivery } from '../delivery/index.ts'
import { FORM_HEADER, ID_HEADER, INTERNAL_HEADER_PREFIX } from '../publish/message.ts'
import { formatTime } from '../time.ts'
import { sign } from './signature.ts'

/** All that a message adds to the headers; servers take some 8 to 16 KiB in all. */
const MESSAGE_HEADERS_SIZE_MAX = 4 * 1024
const KEY_SIZE_MAX = 1024
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/
const CONTENT_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;[\t\x20-\x7e]*)?$/
const TYPE_OF_FORM: Readonly<Record<string, string>> = { json: 'application/json', base64: 'application/octet-stream' }

export interface PushRequest {
  /** Name, value, name, value … */
  headers: string[]
  body: Buffer
  /** Of the record, not to be sent as they are. */
  ofMessage: readonly Header[]
}

/** Where a record lies, and how often it was delivered. */
type Place = Pick<Delivery, 'topic' | 'partition' | 'offset' | 'timestampMs' | 'deliveryCount'>

export interface Sender {
  group: string
  /** Of the data directory: records of another one have other ids. */
  clusterId: string
  /** The group's own headers. */
  headers: Readonly<Record<string, string>>
  keys: readonly KeyObject[]
}

const NOTHING = Buffer.alloc(0)

/** @throws RECORD_DAMAGED */
export function pushRequest(delivery: Delivery, sender: Sender, nowMs: number): PushRequest {
  const record = decodeRecordBody(delivery.body)
  const headers = pushHeaders(delivery, record, sender, nowMs)
  return { headers, body: record.value ?? NOTHING, ofMessage: record.headers }
}

/** The headers of a record that came from `place`: name, value, name, value … */
export function pushHeaders(place: Place, record: RecordBody, sender: Sender, nowMs: number): string[] {
  const id = webhookId(place, sender)
  const timestampSeconds = Math.floor(nowMs / 1_000)
  const headers = ['user-agent', 'Dwell']
  for (const [name, value] of Object.entries(sender.headers)) {
    if (name.toLowerCase() === 'user-agent') headers[1] = value
    else headers.push(name, value)
  }
  headers.push('content-type', contentType(record))
  headers.push('webhook-id', id, 'webhook-timestamp', String(timestampSeconds))
  if (sender.keys.length > 0)
    headers.push('webhook-signature', sign(sender.keys, id, timestampSeconds, record.value ?? NOTHING))
  headers.push('dwell-topic', place.topic, 'dwell-group', sender.group)
  headers.push('dwell-partition', String(place.partition), 'dwell-offset', String(place.offset))
  headers.push('dwell-timestamp', formatTime(place.timestampMs))
  headers.push('dwell-delivery-count', String(place.deliveryCount))
  addMessageHeaders(headers, record)
  return headers
}

/** Names a record in a group: told over all its tries, and by nothing else's. Without a full stop, as it is signed. */
function webhookId({ topic, partition, offset, timestampMs }: Place, { group, clusterId }: Sender): string {
  const place = [clusterId, topic, partition, offset, timestampMs, group].join(' ')
  return `msg_${hash('sha256', place, 'base64url').slice(0, 27)}`
}

function contentType({ headers }: RecordBody): string {
  const given = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1]?.toString()
  if (given !== undefined && given.length <= 200 && CONTENT_TYPE.test(given)) return given
  const form = headers.find(([name]) => name === FORM_HEADER)?.[1]?.toString()
  return TYPE_OF_FORM[form ?? ''] ?? 'text/plain; charset=utf-8'
}

function addMessageHeaders(headers: string[], { key, headers: given }: RecordBody): void {
  if (key !== null && key.length <= KEY_SIZE_MAX) {
    const text = fieldOf(key)
    if (text === undefined) headers.push('dwell-key-base64', key.toString('base64'))
    else headers.push('dwell-key', text)
  }
  let room = MESSAGE_HEADERS_SIZE_MAX
  let leftOut = 0
  for (const [name, content] of given) {
    const text = content === null ? '' : fieldOf(Buffer.from(content.buffer, content.byteOffset, content.length))
    if (name === ID_HEADER && text) headers.push('dwell-id', text)
    if (name.startsWith(INTERNAL_HEADER_PREFIX) || name.toLowerCase() === 'content-type') continue
    const size = name.length + (content?.length ?? 0)
    if (text === undefined || size > room || !NAME.test(name)) {
      leftOut++
      continue
    }
    room -= size
    headers.push(`dwell-header-${name}`, text)
  }
  if (leftOut > 0) headers.push('dwell-headers-left-out', String(leftOut))
}

/** UTF-8 as a header carries it, a character a byte; undefined when it cannot. */
function fieldOf(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return undefined
  const text = bytes.toString('latin1')
  return CONTROL.test(text) || text !== text.trim() ? undefined : text
}
