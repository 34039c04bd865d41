// A raw publish: the body, whatever it is, is the value; request headers or the query say the rest, so that any foreign
// webhook can be pointed at it.
//
// The Content-Type is kept as the header `content-type`. It also chooses the form in which the value goes out: valid JSON
// of a JSON type as JSON, other UTF-8 as text, the rest as base64. The bytes are the same in any case.

import { isUtf8 } from 'node:buffer'
import { DwellError, type Header } from '../../storage/index.ts'
import { JsonScanner } from '../json-scanner.ts'
import {
  addHeader,
  BASE64_FORM,
  checkId,
  checkSize,
  delayConflict,
  dueAfter,
  dueAt,
  type Form,
  invalidField,
  JSON_FORM,
  type Message,
  type MessageRules,
} from './message.ts'
import { keepTrace } from './message-trace.ts'

const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i
const HEADER_PREFIX = 'dwell-header-'
const NUMBER = /^\d{1,15}$/
/** Reading never waits, so one reader serves all requests. */
const scanner = new JsonScanner()

type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>
type Field = 'key' | 'delay' | 'deliverAt' | 'id'
const HEADER_OF: Record<Field, string> = {
  key: 'dwell-key',
  delay: 'dwell-delay',
  deliverAt: 'dwell-deliver-at',
  id: 'dwell-id',
}

/**
 * @throws INVALID_FIELD, CONFLICTING_FIELDS, INVALID_DURATION, INVALID_TIME, DELAY_TOO_LONG, MESSAGE_TOO_LARGE,
 *         UNKNOWN_FIELD for a Dwell- header that does not exist
 */
export function readRawMessage(
  body: Buffer | undefined,
  requestHeaders: RequestHeaders,
  query: Readonly<Record<Field, unknown>>,
  rules: MessageRules,
): Message {
  const value = body ?? Buffer.alloc(0)
  const contentType = requestHeaders['content-type']
  const given = (field: Field) => fieldOf(field, query[field], requestHeaders[HEADER_OF[field]])
  const [key, delay, deliverAt, id] = [given('key'), given('delay'), given('deliverAt'), given('id')]
  if (delay !== undefined && deliverAt !== undefined) throw delayConflict()
  let dueAtMs = 0
  if (delay !== undefined) dueAtMs = dueAfter(NUMBER.test(delay) ? Number(delay) : delay, rules)
  if (deliverAt !== undefined) dueAtMs = dueAt(deliverAt, rules)
  const message: Message = {
    value,
    form: formOf(value, contentType),
    key: key === undefined ? null : Buffer.from(key),
    headers: headersOf(requestHeaders, contentType),
    partition: -1,
    dueAtMs,
    id: id === undefined ? '' : checkId(id),
  }
  checkSize(message, rules)
  keepTrace(message, rules.trace, rules.nowMs)
  return message
}

function fieldOf(field: Field, inQuery: unknown, inHeader: string | string[] | undefined): string | undefined {
  if (inQuery !== undefined && inHeader !== undefined) {
    const sentence = `${field} stands in the query and in the header ${HEADER_OF[field]}.`
    throw new DwellError('CONFLICTING_FIELDS', sentence, { field })
  }
  if (inQuery !== undefined && typeof inQuery !== 'string') throw invalidField(field, 'given once')
  return inQuery ?? (inHeader === undefined ? undefined : textOf(inHeader))
}

function headersOf(requestHeaders: RequestHeaders, contentType: string | string[] | undefined): Header[] {
  const headers: Header[] = []
  if (typeof contentType === 'string') headers.push(['content-type', Buffer.from(textOf(contentType))])
  for (const name in requestHeaders) {
    if (!name.startsWith('dwell-')) continue
    const value = requestHeaders[name] as string | string[]
    if (name.startsWith(HEADER_PREFIX)) addHeader(headers, name.slice(HEADER_PREFIX.length), Buffer.from(textOf(value)))
    else if (!Object.values(HEADER_OF).includes(name)) {
      throw new DwellError('UNKNOWN_FIELD', `There is no request header ${name.slice(0, 100)}.`, {
        field: name.slice(0, 100),
      })
    }
  }
  return headers
}

/** Node gives header bytes as latin1; what is UTF-8 in truth becomes text again. */
function textOf(header: string | string[]): string {
  const bytes = Buffer.from(Array.isArray(header) ? header.join(', ') : header, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : bytes.toString('latin1')
}

function formOf(value: Buffer, contentType: string | string[] | undefined): Form {
  if (!isUtf8(value)) return BASE64_FORM
  return typeof contentType === 'string' && JSON_TYPE.test(contentType) && isJson(value) ? JSON_FORM : undefined
}

function isJson(bytes: Buffer): boolean {
  scanner.begin(bytes)
  try {
    scanner.value()
    scanner.finish()
    return true
  } catch (error) {
    if (error instanceof DwellError) return false
    throw error
  }
}
