// Points in time as people write them: RFC 3339, or epoch milliseconds.

import { DwellError } from '../storage/index.ts'

// A zone is required: a time without one would depend on where the process runs.
const RFC_3339 =
  /^\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/
const DIGITS = /^-?\d{1,64}$/
/** The last millisecond that RFC 3339 can write. */
export const TIME_MS_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Numbers that are times from 2001 to 2286 in seconds. In milliseconds they would be days of 1970, which nobody means. */
const SECONDS_MIN = 1e9
const SECONDS_END = 1e10

export const TIME_FORMS = 'RFC 3339 such as "2026-11-20T10:00:00Z", or epoch milliseconds'

/**
 * Epoch milliseconds, a whole number: parts of a millisecond are rounded up, so that nothing is early.
 * @throws INVALID_TIME, with the `limit` where the time is one, but beyond it
 */
export function parseTime(given: number | string, field: string): number {
  const ms = typeof given === 'number' ? Math.ceil(given) : timeOf(given)
  if (ms >= SECONDS_MIN && ms < SECONDS_END && isNumber(given)) throw inSeconds(ms, field)
  if (ms >= 0 && ms <= TIME_MS_MAX) return ms
  const shown = typeof given === 'number' ? String(given) : JSON.stringify(given.slice(0, 64))
  if (Number.isNaN(ms)) throw notATime(shown, field)
  const limit = formatTime(ms < 0 ? 0 : TIME_MS_MAX)
  const sentence = `${field} is ${shown}, ${ms < 0 ? 'earlier' : 'later'} than the limit of ${limit}: give ${TIME_FORMS}.`
  throw new DwellError('INVALID_TIME', sentence, { field, limit })
}

function isNumber(given: number | string): boolean {
  return typeof given === 'number' || DIGITS.test(given)
}

function inSeconds(seconds: number, field: string): DwellError {
  const sentence =
    `${field} is ${seconds}, which is ${formatTime(seconds * 1000)} in epoch seconds, and in 1970 in milliseconds: ` +
    `give ${TIME_FORMS}, here ${seconds * 1000}.`
  return new DwellError('INVALID_TIME', sentence, { field })
}

/** INVALID_TIME for something that is none; `shown` as it was given. */
export function notATime(shown: string, field: string): DwellError {
  return new DwellError('INVALID_TIME', `${field} is ${shown}, not a time: give ${TIME_FORMS}.`, { field })
}

function timeOf(text: string): number {
  if (DIGITS.test(text)) return Number(text)
  const match = RFC_3339.exec(text)
  if (match === null) return Number.NaN
  const [date, rest] = [text.slice(0, 10), text.slice(11)]
  // Date.parse takes the 31st of February for the 3rd of March.
  const midnight = new Date(`${date}T00:00:00Z`)
  if (Number.isNaN(midnight.getTime()) || midnight.toISOString().slice(0, 10) !== date) return Number.NaN
  const isLeap = match[1] === '60'
  const ms = Date.parse(`${date}T${(isLeap ? rest.replace(':60', ':59') : rest).toUpperCase()}`)
  if (isLeap && !endsMonth(ms)) return Number.NaN
  // No clock here has a leap second: it is the one behind it, so that nothing is early.
  return ms + (isLeap ? 1_000 : 0) + (/\.\d{3}\d*[1-9]/.test(rest) ? 1 : 0)
}

/** Whether a second is the last of a month in UTC: leap seconds come behind such seconds alone. */
function endsMonth(ms: number): boolean {
  const next = new Date((Math.floor(ms / 1000) + 1) * 1000)
  return next.getUTCDate() === 1 && next.getTime() % 86_400_000 === 0
}

let lastSecond = Number.NaN
let lastText = ''

/**
 * RFC 3339 in UTC with milliseconds. The last second is remembered: records of a batch, and messages with one delay, mostly
 * share theirs.
 */
export function formatTime(ms: number): string {
  const second = Math.floor(ms / 1000)
  if (second !== lastSecond) {
    lastText = new Date(second * 1000).toISOString().slice(0, 20)
    lastSecond = second
  }
  const rest = ms - second * 1000
  return `${lastText}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`
}
