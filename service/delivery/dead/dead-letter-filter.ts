// Which dead letters are meant: the same everywhere. All that is given must be true; an empty filter means all.

import { decodeRecordBody } from '../../../storage/index.ts'
import type { DeadLetter } from './dead-letter.ts'

export interface DeadLetterFilter {
  /** Is part of the last reason. */
  reason?: string
  cause?: string
  key?: string
  /** Header name → value; all of them are equal. */
  headers?: Readonly<Record<string, string>>
  /** Died at or after this, and before that; epoch milliseconds. */
  fromMs?: number
  toMs?: number
}

export function matches(letter: DeadLetter, filter: DeadLetterFilter): boolean {
  const { reason, cause, key, headers } = filter
  if (!matchesDeath(letter.cause, letter.reason, { reason, cause })) return false
  if (!isWithin(letter.diedAtMs, filter)) return false
  if (key === undefined && headers === undefined) return true
  const body = decodeRecordBody(letter.body)
  if (key !== undefined && body.key?.toString() !== key) return false
  return Object.entries(headers ?? {}).every(([name, value]) =>
    body.headers.some(([other, content]) => other === name && content?.toString() === value),
  )
}

export function matchesDeath(cause: string, reason: string, filter: DeadLetterFilter): boolean {
  return (filter.cause ?? cause) === cause && (filter.reason === undefined || reason.includes(filter.reason))
}

export function isWithin(diedAtMs: number, { fromMs, toMs }: DeadLetterFilter): boolean {
  return (fromMs === undefined || diedAtMs >= fromMs) && (toMs === undefined || diedAtMs < toMs)
}
