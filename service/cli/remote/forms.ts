// What is typed on the command line, as the client takes it.

import { InvalidArgumentError } from 'commander'
import { CallError } from '../../client/index.ts'
import { parseDuration } from '../../duration.ts'

/** A whole number from 1 on. */
export function countOf(text: string): string {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return text
  throw new InvalidArgumentError('It must be a whole number from 1 on.')
}

/** A whole number from 0 on, as the client takes it. @throws CallError INVALID_ARGUMENT */
export function wholeOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new CallError({ code: 'INVALID_ARGUMENT', sentence: `${JSON.stringify(text)} must be a whole number.` })
}

/** A share from 0 to 1. */
export function shareOf(text: string): string {
  if (/^(0|1|0?\.\d{1,6}|[01]\.0+)$/.test(text)) return text
  throw new InvalidArgumentError('It must be a number from 0 to 1.')
}

/** A number above 0, with or without a fraction. */
export function rateOf(text: string): string {
  if (/^\d{1,7}(\.\d{1,3})?$/.test(text) && Number(text) > 0) return text
  throw new InvalidArgumentError('It must be a number above 0.')
}

/** A duration as text; numbers alone are milliseconds. */
export function durationOf(text: string): string {
  try {
    msOf(text)
    return text
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

/** @throws DwellError INVALID_DURATION */
export function msOf(text: string): number {
  return parseDuration(sentDuration(text), 'the duration')
}

/** As it goes to the service, which takes a number for milliseconds. */
export function sentDuration(text: string): number | string {
  return /^\d{1,15}$/.test(text) ? Number(text) : text
}

/** A point in time: what is all digits are epoch milliseconds. */
export function sentTime(text: string): number | string {
  return sentDuration(text)
}

/** `name=value`, gathered over several flags. */
export function pairsOf(text: string, before: string[] = []): string[] {
  if (text.indexOf('=') > 0) return [...before, text]
  throw new InvalidArgumentError('It must be name=value.')
}

/** Pairs by their names; of a name that is given twice the last one counts. */
export function mapOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}

/** JSON where it is JSON, else the text itself. */
export function valueIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Where a record lies, `partition/offset`: `2/17`. Undefined for what is none. */
export function placeOf(text: string): { partition: number; offset: number } | undefined {
  const found = /^(\d{1,9})\/(\d{1,15})$/.exec(text)
  return found === null ? undefined : { partition: Number(found[1]), offset: Number(found[2]) }
}
