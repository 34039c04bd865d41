// Figures, times and bytes as the tools print them.

import { formatTime } from '../time.ts'

const PREVIEW_BYTES = 120

/** `1 frame`, `1,024 frames`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`
}

export function bytesOf(size: number): string {
  return count(size, 'byte')
}

/** `offset 7`, `offsets 7 to 9`; `offsets from 7 on` when nobody knows how far. */
export function offsetsOf(offset: number, lastOffset: number): string {
  if (lastOffset === Number.POSITIVE_INFINITY) return `offsets from ${offset} on`
  return offset === lastOffset ? `offset ${offset}` : `offsets ${offset} to ${lastOffset}`
}

/** A time, or that there is none. */
export function timeOf(ms: number): string {
  if (ms < 0) return 'no time'
  return ms > 8.64e15 ? `time ${ms}` : formatTime(ms)
}

/** Text as text, other bytes in hexadecimal; long ones are cut. */
export function preview(bytes: Uint8Array | null, sizeMax: number = PREVIEW_BYTES): string {
  if (bytes === null) return 'null'
  const shown = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, sizeMax))
  const rest = bytes.length > shown.length ? ` … (${bytesOf(bytes.length)})` : ''
  const text = shown.toString()
  const isText = !/[\p{Cc}\p{Co}\p{Cn}\uFFFD]/u.test(rest === '' ? text : text.replace(/\uFFFD$/, ''))
  return (isText ? JSON.stringify(text) : `<${shown.toString('hex')}>`) + rest
}
