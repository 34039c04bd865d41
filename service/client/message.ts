// Messages and records as programs hold them, and how they go over the wire.

import { CallError } from './call-error.ts'
import { encode } from './calls.ts'

/** Milliseconds, or text: `"250ms"`, `"5s"`, `"1h30m"`, `"30d"`, ISO 8601 `"PT5M"`. */
export type Duration = number | string
/** A date, epoch milliseconds, or RFC 3339 text. */
export type Time = Date | number | string

/** A message to publish. */
export interface Message {
  /** Any JSON, or bytes. What is published comes back in the same form. */
  value: unknown
  /** Same key, same partition. */
  key?: string
  /** Chooses the partition itself, from 0. */
  partition?: number
  headers?: Readonly<Record<string, string>>
  /** When it is to arrive, from now on. Not together with `deliverAt`. */
  delay?: Duration
  deliverAt?: Time
  /** Your own handle, 1 to 200 characters, unique in the topic: publishing it again changes nothing. */
  id?: string
}

/** What became of a published message: at once in its partition, or waiting until it is due. */
export type Published = PublishedNow | PublishedLater

export interface PublishedNow {
  topic: string
  partition: number
  offset: number
  id?: string
  /** The id was known: nothing was published, this is the first result. */
  duplicate?: true
}

export interface PublishedLater {
  topic: string
  /** Looks it up, cancels and moves it. */
  id: string
  /** RFC 3339. */
  dueAt: string
  dueAtMs: number
  duplicate?: true
  /** Of a duplicate whose message was cancelled: it will not come. */
  state?: 'cancelled'
}

/** Key, value and headers of a message as the service hands them out. */
export interface Content<V = unknown> {
  key: string | null
  /** Instead of `key`, when it is no UTF-8 text. */
  keyBase64?: string
  value: V
  /** Instead of `value`, when bytes were published; see valueBytes(). */
  valueBase64?: string
  headers: Record<string, string>
  id?: string
}

/** The value as bytes: those that were published, else the UTF-8 of its text or JSON. */
export function valueBytes({ value, valueBase64 }: Pick<Content, 'value' | 'valueBase64'>): Uint8Array {
  if (valueBase64 !== undefined) return Buffer.from(valueBase64, 'base64')
  return Buffer.from(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
}

/** The message as JSON text in one line. @throws CallError INVALID_ARGUMENT */
export function messageLine(message: Message, id: string | undefined): string {
  const { value, key, partition, headers, delay, deliverAt } = message
  const content = value instanceof Uint8Array ? { valueBase64: base64Of(value) } : { value }
  if (value === undefined) throw new CallError({ code: 'INVALID_ARGUMENT', sentence: 'The message has no value.' })
  const at = deliverAt === undefined ? undefined : timeOf(deliverAt)
  return encode({ ...content, key, partition, headers, delay, deliverAt: at, id })
}

/** A time as it is sent. @throws CallError INVALID_ARGUMENT for a date that is none */
export function timeOf(time: Time): number | string {
  if (!(time instanceof Date)) return time
  const ms = time.getTime()
  if (!Number.isNaN(ms)) return ms
  throw new CallError({ code: 'INVALID_ARGUMENT', sentence: 'The date is not a valid one.' })
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
