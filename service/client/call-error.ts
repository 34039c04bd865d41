// What a call ends with when it does not succeed. Two kinds: the service answered and refused (`status` is that of HTTP), or no
// answer came (`status` is 0), and then `sent` says whether the request may have been carried out all the same.

import { type ErrorCode, errorRow, isErrorCode } from '../errors.ts'

/** What can go wrong before, or instead of, an answer of the service; whether trying again may help. */
const CLIENT_CODES = {
  /** No connection was made: nothing can have happened. */
  UNREACHABLE: true,
  /** The connection broke before the answer was whole: the request may have been carried out. */
  CONNECTION_LOST: true,
  /** No answer in time: the request may have been carried out. */
  TIMED_OUT: true,
  /** The certificate of the other side is not trusted. */
  TLS_FAILED: false,
  /** Something answers at this https address, but without TLS. */
  TLS_NOT_SPOKEN: false,
  /** The answer is none of Dwell's: another service, or a proxy, is at this address. */
  ANSWER_UNREADABLE: false,
  /** The answer is larger than `answerBytesMax`. */
  ANSWER_TOO_LARGE: false,
  /** The client, the publisher or the consumer was closed. */
  CLIENT_CLOSED: false,
  /** What was given to the client cannot be sent. */
  INVALID_ARGUMENT: false,
  /** The buffer of a publisher is full, and so is the line of those who wait for room: wait for `ready()`. */
  PUBLISHER_FULL: true,
  /** The lock of a record is over, or could not be renewed in time: somebody else may have the record. */
  LOCK_LOST: false,
} as const

export type ClientCode = keyof typeof CLIENT_CODES

export interface CallErrorParts {
  code: string
  sentence: string
  /** HTTP's; 0 when no answer came. */
  status?: number
  /** Facts of the problem document beside its sentence: `limit`, `field`, `line`, `index` … */
  fields?: Readonly<Record<string, unknown>>
  /** What the service asks to wait before the next try. */
  retryAfterMs?: number
  /** Whether the request may have been carried out. */
  sent?: boolean
  cause?: unknown
}

/** A call of the client that failed. The message is a sentence for people, `code` is for programs and stable. */
export class CallError extends Error {
  override name = 'CallError'
  /** A code of the service (`/docs/errors/{code}`), one of this client, or one that a newer service has. */
  readonly code: ErrorCode | ClientCode | (string & {})
  /** HTTP's; 0 when no answer came. */
  readonly status: number
  /** Whether the same call may succeed later without being changed. */
  readonly retryable: boolean
  /** Whether it is certain that nothing was carried out. */
  readonly harmless: boolean
  readonly fields: Readonly<Record<string, unknown>>
  readonly retryAfterMs: number | undefined

  constructor({ code, sentence, status = 0, fields = {}, retryAfterMs, sent = false, cause }: CallErrorParts) {
    super(sentence, cause === undefined ? undefined : { cause })
    this.code = code
    this.status = status
    this.fields = fields
    this.retryAfterMs = retryAfterMs
    this.retryable = isRetryable(code, status)
    this.harmless = status === 0 ? !sent : status < 500 || REFUSED_BEFORE.has(code)
  }
}

/** Refusals with a status of 5xx that come before anything is done. */
const REFUSED_BEFORE: ReadonlySet<string> = new Set<ErrorCode>([
  'OVERLOADED',
  'CLOCK_WRONG',
  'KEYS_UNAVAILABLE',
  'STARTING',
  'DISK_LOW',
])

function isRetryable(code: string, status: number): boolean {
  if (Object.hasOwn(CLIENT_CODES, code) && status === 0) return CLIENT_CODES[code as ClientCode]
  if (isErrorCode(code)) return errorRow(code).retryable
  // A newer service, or a proxy in front of it.
  return status === 408 || status === 429 || status >= 500
}
