// A message as its publisher gives it, and the record body that it becomes.
//
// The value is stored as bytes: text as its UTF-8, other JSON as the very text it came in, base64 decoded. The header
// `__dwell.form` says in which form it goes out again; without it the value is text. Header names that begin with `__` are
// ours alone: a publisher that gives one is refused, so nobody forges an id, an origin or an attempt.

import { DwellError, EncodedHeaders, type Header, RecordBodySource } from '../../storage/index.ts'
import { ID_PLACEHOLDER } from '../../timewheel/index.ts'
import { formatDuration, notADuration, parseDuration } from '../duration.ts'
import type { JsonScanner } from '../json-scanner.ts'
import { notATime, parseTime } from '../time.ts'
import { keepTrace } from './message-trace.ts'

export const ID_HEADER = '__dwell.id'
export const FORM_HEADER = '__dwell.form'
/** The other headers of ours begin like this too. */
export const INTERNAL_HEADER_PREFIX = '__'

export const ID_LENGTH_MAX = 200
export const HEADERS_MAX = 256
export const JSON_FORM = Buffer.from('json')
export const BASE64_FORM = Buffer.from('base64')
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/** How the value goes out again; undefined for text. */
export type Form = typeof JSON_FORM | typeof BASE64_FORM | undefined

export interface Message {
  value: Buffer
  form: Form
  key: Buffer | null
  headers: Header[]
  /** Chosen by the publisher; -1 when it is not. */
  partition: number
  /** Epoch milliseconds; 0 when it is to be published at once. */
  dueAtMs: number
  /** The caller's own handle; empty when there is none. */
  id: string
}

export interface MessageRules {
  messageBytesMax: number
  delayMaxMs: number
  /** By the hand's clock, read once a request. */
  nowMs: number
  /** Up to here a time is past beyond doubt; `nowMs` when absent. */
  pastMs?: () => number
  /** Why a delay cannot be reckoned from that: the clock is wrong. Undefined as a rule. */
  clockWrong?: () => DwellError | undefined
  /** The headers that keep the context of the request's trace, where it has one. */
  trace?: readonly Header[]
}

const FIELDS = ['value', 'valueBase64', 'key', 'partition', 'headers', 'delay', 'deliverAt', 'id'] as const
type Field = (typeof FIELDS)[number]
const FIELD_BITS = new Map<string, number>(FIELDS.map((field, i) => [field, 1 << i]))
const VALUE_BITS = 0b11
const DELAY_BIT = 1 << FIELDS.indexOf('delay')
const DELIVER_AT_BIT = 1 << FIELDS.indexOf('deliverAt')

/**
 * Reads one message, an object, where the scanner stands.
 * @throws INVALID_JSON, UNKNOWN_FIELD, DUPLICATE_FIELD, MISSING_FIELD, CONFLICTING_FIELDS, INVALID_FIELD, INVALID_DURATION,
 *         INVALID_TIME, DELAY_TOO_LONG, CLOCK_WRONG, MESSAGE_TOO_LARGE, INVALID_UTF8
 */
export function readMessage(scanner: JsonScanner, rules: MessageRules): Message {
  if (scanner.peek() !== 0x7b) {
    scanner.value()
    throw new DwellError(
      'INVALID_FIELD',
      'A message must be a JSON object; several are {"messages": […]}, or application/x-ndjson with one a line.',
    )
  }
  const message: Message = {
    value: NOTHING,
    form: undefined,
    key: null,
    headers: NO_HEADERS,
    partition: -1,
    dueAtMs: 0,
    id: '',
  }
  let given = 0
  if (scanner.enterObject()) {
    do {
      const name = scanner.name()
      const bit = FIELD_BITS.get(name)
      if (bit === undefined) throw unknownField(name, FIELDS)
      if ((given & bit) !== 0)
        throw new DwellError('DUPLICATE_FIELD', `The field ${name} is given twice.`, { field: name })
      given |= bit
      readField(scanner, name as Field, message, rules)
    } while (scanner.moreMembers())
  }
  if ((given & VALUE_BITS) === 0) {
    throw new DwellError('MISSING_FIELD', 'A message needs a value, or a valueBase64.', { field: 'value' })
  }
  if ((given & VALUE_BITS) === VALUE_BITS) {
    throw new DwellError('CONFLICTING_FIELDS', 'value and valueBase64 exclude each other.', { field: 'valueBase64' })
  }
  if ((given & DELAY_BIT) !== 0 && (given & DELIVER_AT_BIT) !== 0) throw delayConflict()
  checkSize(message, rules)
  keepTrace(message, rules.trace, rules.nowMs)
  return message
}

/** So much of a wrong value is shown in a refusal. */
const SHOWN_SIZE_MAX = 64
const NOTHING = Buffer.alloc(0)
const NO_HEADERS: Header[] = []

function readField(scanner: JsonScanner, field: Field, message: Message, rules: MessageRules): void {
  const first = scanner.peek()
  switch (field) {
    case 'value':
      if (first === 0x22) message.value = scanner.textBytes()
      else {
        const start = scanner.value()
        message.value = scanner.bytes.subarray(start, scanner.position)
        message.form = JSON_FORM
      }
      return
    case 'valueBase64':
      message.value = fromBase64(textOf(scanner, field))
      message.form = BASE64_FORM
      return
    case 'key':
      if (first !== 0x22) throw wrongType(scanner, field, 'text')
      message.key = scanner.textBytes()
      return
    case 'partition':
      if (!isNumber(first)) throw wrongType(scanner, field, 'a whole number from 0')
      message.partition = scanner.number()
      if (!Number.isSafeInteger(message.partition) || message.partition < 0)
        throw invalidField(field, 'a whole number from 0')
      return
    case 'headers':
      message.headers = readHeaders(scanner)
      return
    case 'delay':
      message.dueAtMs = dueAfter(numberOrText(scanner, field, notADuration), rules)
      return
    case 'deliverAt':
      message.dueAtMs = dueAt(numberOrText(scanner, field, notATime), rules)
      return
    case 'id':
      message.id = checkId(textOf(scanner, field))
      return
  }
}

function readHeaders(scanner: JsonScanner): Header[] {
  if (scanner.peek() !== 0x7b) throw wrongType(scanner, 'headers', 'an object of texts')
  const headers: Header[] = []
  if (!scanner.enterObject()) return headers
  do {
    const name = scanner.name()
    if (scanner.peek() !== 0x22) throw wrongType(scanner, `headers.${name}`, 'text')
    addHeader(headers, name, scanner.textBytes())
  } while (scanner.moreMembers())
  return headers
}

/** Adds a publisher's header. */
export function addHeader(headers: Header[], name: string, value: Buffer): void {
  if (name.length === 0 || name.length > 200 || name.startsWith(INTERNAL_HEADER_PREFIX)) {
    throw invalidField('headers', 'names of 1 to 200 characters that do not begin with __', {
      header: name.slice(0, 200),
    })
  }
  if (headers.some(([other]) => other === name)) {
    throw new DwellError('DUPLICATE_FIELD', `The header ${name} is given twice.`, { field: 'headers', header: name })
  }
  if (headers.length === HEADERS_MAX)
    throw invalidField('headers', `at most ${HEADERS_MAX} headers`, { limit: HEADERS_MAX })
  headers.push([name, value])
}

/**
 * When a message is due that is to wait for `delay`: 0 for at once.
 * @throws INVALID_DURATION, DELAY_TOO_LONG, CLOCK_WRONG
 */
export function dueAfter(delay: number | string, { nowMs, delayMaxMs, clockWrong }: MessageRules): number {
  const delayMs = parseDuration(delay, 'delay')
  if (delayMs === 0) return 0
  if (delayMs > delayMaxMs) throw tooLong('delay', delayMaxMs)
  const wrong = clockWrong?.()
  if (wrong !== undefined) throw wrong
  return nowMs + delayMs
}

/**
 * When a message is due that is to be delivered at `time`: 0 for at once.
 * @throws INVALID_TIME, DELAY_TOO_LONG, CLOCK_WRONG
 */
export function dueAt(time: number | string, { nowMs, pastMs, delayMaxMs, clockWrong }: MessageRules): number {
  const timeMs = parseTime(time, 'deliverAt')
  if (timeMs <= (pastMs?.() ?? nowMs)) return 0
  // The wall clock is behind the hand, which stands: as soon as it goes on.
  if (timeMs <= nowMs) return nowMs + 1
  if (timeMs - nowMs > delayMaxMs) throw clockWrong?.() ?? tooLong('deliverAt', delayMaxMs)
  return timeMs
}

function tooLong(field: string, limitMs: number): DwellError {
  const limit = formatDuration(limitMs)
  return new DwellError('DELAY_TOO_LONG', `${field} is further away than the limit of ${limit}.`, {
    field,
    limit,
    limitMs,
  })
}

/**
 * Answers a duration that is within both bounds, in milliseconds.
 * @throws INVALID_FIELD, with the `limit` in words and as `limitMs`
 */
export function between(ms: number, minMs: number, maxMs: number, field: string): number {
  if (ms >= minMs && ms <= maxMs) return ms
  const limit = formatDuration(ms < minMs ? minMs : maxMs)
  const allowed = minMs === 0 ? `at most ${limit}` : `from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`
  throw invalidField(field, allowed, { limit, limitMs: ms < minMs ? minMs : maxMs })
}

export function delayConflict(): DwellError {
  return new DwellError('CONFLICTING_FIELDS', 'delay and deliverAt exclude each other.', { field: 'deliverAt' })
}

/** Answers `id` if it may be a message's own id. */
export function checkId(id: string): string {
  if (id.length < 1 || id.length > ID_LENGTH_MAX || CONTROL.test(id)) {
    throw invalidField('id', `1 to ${ID_LENGTH_MAX} characters, none of them a control character`, {
      limit: ID_LENGTH_MAX,
    })
  }
  return id
}

/** The bytes of key, value and headers. */
export function sizeOf({ key, value, headers }: Message): number {
  let size = value.length + (key === null ? 0 : key.length)
  for (const [name, content] of headers) size += Buffer.byteLength(name) + (content === null ? 0 : content.length)
  return size
}

/** @throws MESSAGE_TOO_LARGE */
export function checkSize(message: Message, { messageBytesMax }: MessageRules): void {
  const size = sizeOf(message)
  if (size <= messageBytesMax) return
  const sentence = `The message has ${size} bytes of key, value and headers; at most ${messageBytesMax} are allowed.`
  throw new DwellError('MESSAGE_TOO_LARGE', sentence, { limit: messageBytesMax, size })
}

/** What we add to a publisher's headers, by the form of the value: without an id, and with one to be filled in. */
const FORM_ONLY = byForm(undefined)
const FORM_AND_PLACEHOLDER = byForm(ID_PLACEHOLDER)

function byForm(id: Uint8Array | undefined): Map<Form, EncodedHeaders> {
  return new Map([undefined, JSON_FORM, BASE64_FORM].map((form) => [form, new EncodedHeaders(ownHeaders(form, id))]))
}

function ownHeaders(form: Form, id: Uint8Array | undefined): Header[] {
  const headers: Header[] = []
  if (form !== undefined) headers.push([FORM_HEADER, form])
  if (id !== undefined) headers.push([ID_HEADER, id])
  return headers
}

/** The record body of a message, with `id` (if there is one) as its last header. It is written out of the request's bytes. */
export function bodyOf({ key, value, form, headers }: Message, id: Uint8Array | undefined): RecordBodySource {
  if (id !== undefined && id !== ID_PLACEHOLDER) {
    return new RecordBodySource(key, value, [...headers, ...ownHeaders(form, id)])
  }
  const more = (id === undefined ? FORM_ONLY : FORM_AND_PLACEHOLDER).get(form)
  return new RecordBodySource(key, value, headers, more)
}

function fromBase64(text: string): Buffer {
  if (!BASE64.test(text)) throw invalidField('valueBase64', 'base64 (RFC 4648, section 4) with its padding')
  return Buffer.from(text, 'base64')
}

function textOf(scanner: JsonScanner, field: string): string {
  if (scanner.peek() !== 0x22) throw wrongType(scanner, field, 'text')
  return scanner.text()
}

function numberOrText(
  scanner: JsonScanner,
  field: string,
  isNone: (shown: string, field: string) => DwellError,
): number | string {
  const first = scanner.peek()
  if (isNumber(first)) return scanner.number()
  if (first === 0x22) return scanner.text()
  throw isNone(shownOf(scanner), field)
}

function isNumber(byte: number): boolean {
  return byte === 0x2d || (byte >= 0x30 && byte <= 0x39)
}

/** What is no JSON at all is told as such; else the field is, and what was given for it. */
function wrongType(scanner: JsonScanner, field: string, expected: string): DwellError {
  const shown = shownOf(scanner)
  return new DwellError('INVALID_FIELD', `${field} is ${shown}; it must be ${expected}.`, { field })
}

/** The value where the scanner stands, as it was given: lists and objects only by their kind. */
function shownOf(scanner: JsonScanner): string {
  const first = scanner.peek()
  const start = scanner.value()
  if (first === 0x5b) return 'a list'
  if (first === 0x7b) return 'an object'
  const { bytes, position } = scanner
  return bytes.toString('utf8', start, Math.min(position, start + SHOWN_SIZE_MAX))
}

export function invalidField(
  field: string,
  expected: string,
  fields: Record<string, string | number> = {},
): DwellError {
  return new DwellError('INVALID_FIELD', `${field} must be ${expected}.`, { field, ...fields })
}

/** `known` is all that may stand where `name` was found; `where` that is, if it is not plain. */
export function unknownField(name: string, known: readonly string[], where?: string): DwellError {
  const field = name.slice(0, 100)
  const sentence = `There is no field ${JSON.stringify(field)}${where === undefined ? '' : ` in this ${where}`}`
  const hint = known.length === 0 ? 'none is known here' : `known are ${known.join(', ')}`
  return new DwellError('UNKNOWN_FIELD', `${sentence}; ${hint}.`, { field })
}
