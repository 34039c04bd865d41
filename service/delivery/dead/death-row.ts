// What an index needs of a dead letter, read from its stored bytes in one pass: no header becomes an object, no value is
// touched. A hundred thousand of them are read while somebody may be waiting.
//
// The bytes are those of a record body (storage/batch/record-body.ts), the names those of failed-record.ts.

import { VarintReader } from '../../../storage/index.ts'
import { DEATH_CAUSE, DEATH_MESSAGE, HISTORY_NUMBERS } from '../failed-record.ts'
import type { Fingerprints } from './fingerprint.ts'

export interface DeathRow {
  cause: string
  reason: string
  /** Low and high half of those of its key and its headers, but for headers that Dwell adds. */
  prints: readonly number[]
}

interface Field {
  from: number
  to: number
}

const OWN = Buffer.from('__')
const CAUSE = Buffer.from(DEATH_CAUSE)
const MESSAGE = Buffer.from(DEATH_MESSAGE)
const NUMBERS = HISTORY_NUMBERS.map((name) => Buffer.from(name))

/** undefined when it is no dead letter, 'damaged' when it is no record. */
export function readDeath(body: Buffer, fingerprints: Fingerprints): DeathRow | 'damaged' | undefined {
  const reader = new VarintReader(body)
  const prints: number[] = []
  const key = nextField(reader)
  if (key !== undefined) fingerprints.ofKey(body, key.from, key.to, prints)
  nextField(reader)
  const count = reader.next()
  let cause: string | undefined
  let reason = ''
  let numbers = 0
  for (let i = 0; i < count && !reader.failed; i++) {
    const name = nextField(reader)
    const value = nextField(reader)
    if (name === undefined || value === undefined) continue
    if (!isOwn(body, name)) fingerprints.ofHeader(body, name, value, prints)
    else if (isSame(body, name, CAUSE)) cause ??= textOf(body, value)
    else if (isSame(body, name, MESSAGE)) reason = textOf(body, value)
    else if (NUMBERS.some((number) => isSame(body, name, number)) && isNumber(body, value)) numbers++
  }
  if (reader.failed || reader.position !== body.length) return 'damaged'
  return cause === undefined || numbers < NUMBERS.length ? undefined : { cause, reason, prints }
}

/** undefined when it is absent. */
function nextField(reader: VarintReader): Field | undefined {
  const size = reader.next()
  if (size < 0) return undefined
  const from = reader.position
  reader.position += size
  if (reader.position > reader.bytes.length) reader.failed = true
  return reader.failed ? undefined : { from, to: reader.position }
}

function isOwn(body: Buffer, { from, to }: Field): boolean {
  return to - from >= OWN.length && body[from] === OWN[0] && body[from + 1] === OWN[1]
}

/** From the end: that is where the names differ. */
function isSame(body: Buffer, { from, to }: Field, name: Buffer): boolean {
  if (to - from !== name.length) return false
  for (let i = name.length - 1; i >= 0; i--) if (body[from + i] !== name[i]) return false
  return true
}

function isNumber(body: Buffer, field: Field): boolean {
  return Number.isSafeInteger(Number(textOf(body, field)))
}

function textOf(body: Buffer, { from, to }: Field): string {
  return body.toString('utf8', from, to)
}
