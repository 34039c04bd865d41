// Durations as people write them: milliseconds as a number, or text.

import { DwellError } from '../storage/index.ts'

const UNITS_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** What most durations are; the general form costs three times as much. */
const ONE_PART = /^(\d{1,12})(ms|[smhd])$/
const PARTS = /^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/
const PART = /(\d+(?:\.\d+)?)(ms|[smhd])/g
const ISO =
  /^P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/
const ISO_UNITS_MS = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000]
const TEXT_LENGTH_MAX = 64
/** What a number can say exactly: 285,000 years. */
export const DURATION_MS_MAX = Number.MAX_SAFE_INTEGER

/** What is read here as a text, in one expression, for the document of the interface. */
export const DURATION_PATTERN =
  '^([0-9]+([.][0-9]+)?(ms|[smhd]))+$|' +
  '^P(?=[0-9T])([0-9]+([.][0-9]+)?W)?([0-9]+([.][0-9]+)?D)?' +
  '(T(?=[0-9])([0-9]+([.][0-9]+)?H)?([0-9]+([.][0-9]+)?M)?([0-9]+([.][0-9]+)?S)?)?$'

export const DURATION_FORMS =
  'a number of milliseconds, or text such as "250ms", "5s", "1h30m", "30d" or ISO 8601 "PT5M"'

/**
 * Milliseconds, a whole number: parts of a millisecond are rounded up, so that nothing is early.
 * @throws INVALID_DURATION, with the `limit` where it is a duration, but longer than any
 */
export function parseDuration(given: number | string, field: string): number {
  const ms = typeof given === 'number' ? given : durationOf(given)
  if (ms >= 0 && ms <= DURATION_MS_MAX) return Math.ceil(ms)
  const shown = typeof given === 'number' ? String(given) : JSON.stringify(given.slice(0, TEXT_LENGTH_MAX))
  if (Number.isNaN(ms)) throw notADuration(shown, field)
  const limit = ms < 0 ? 0 : DURATION_MS_MAX
  const sentence = `${field} is ${shown}, ${ms < 0 ? 'less' : 'more'} than the limit of ${limit} ms: give ${DURATION_FORMS}.`
  throw new DwellError('INVALID_DURATION', sentence, { field, limit })
}

/** INVALID_DURATION for something that is none; `shown` as it was given. */
export function notADuration(shown: string, field: string): DwellError {
  return new DwellError('INVALID_DURATION', `${field} is ${shown}, not a duration: give ${DURATION_FORMS}.`, { field })
}

function durationOf(text: string): number {
  const one = ONE_PART.exec(text)
  if (one !== null) return Number(one[1]) * UNITS_MS[one[2]]
  if (text.length > TEXT_LENGTH_MAX) return Number.NaN
  let ms = 0
  if (PARTS.test(text)) {
    for (const [, count, unit] of text.matchAll(PART)) ms += Number(count) * UNITS_MS[unit]
    return tidy(ms)
  }
  const iso = ISO.exec(text)
  if (iso === null || text.endsWith('P') || text.endsWith('T')) return Number.NaN
  for (let i = 0; i < ISO_UNITS_MS.length; i++) ms += Number(iso[i + 1] ?? 0) * ISO_UNITS_MS[i]
  return tidy(ms)
}

/** "1.1s" is 1100 ms, not 1100.0000000000002, which would be rounded up to 1101. */
function tidy(ms: number): number {
  return Number(ms.toFixed(6))
}

/** The shortest text that parseDuration() reads as `ms`: "1h30m", "250ms". */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  let text = ''
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const count = Math.floor(ms / UNITS_MS[unit])
    if (count > 0) text += `${count}${unit}`
    ms -= count * UNITS_MS[unit]
  }
  return text
}
