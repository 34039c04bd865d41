// The records of a batch in words; those of the internal topics by what they mean.

import {
  type DwellError,
  decodeRecordBody,
  decodeTopic,
  type RecordBody,
  readRecords,
  type StoredRecord,
} from '../../../storage/index.ts'
import {
  DELAY_TOPIC,
  decodeMark,
  type Envelope,
  MARK_TOPIC,
  messageId,
  readEnvelope,
} from '../../../timewheel/index.ts'
import { decodeKey, decodeSnapshot, playDelta } from '../../delivery/group/group-log.ts'
import { GROUPS_TOPIC } from '../../delivery/group/group-store.ts'
import { formatDuration } from '../../duration.ts'
import { decodeIdEntry } from '../../publish/id-entry.ts'
import { IDS_TOPIC } from '../../publish/ids.ts'
import { bytesOf, count, preview, timeOf } from '../words.ts'
import type { DumpOptions, Line } from './line.ts'

/** The records of the whole batch `bytes` of `topic`, which is undefined when nobody knows. */
export function* recordLines(
  bytes: Buffer,
  topic: string | undefined,
  options: DumpOptions,
  indent = '    ',
): Generator<Line> {
  let records: StoredRecord[]
  try {
    records = readRecords(bytes, options.fromOffset ?? 0)
  } catch (error) {
    yield { damage: `${indent}its records cannot be read: ${(error as DwellError).message}` }
    return
  }
  for (const record of records) {
    try {
      const body = decodeRecordBody(record.body)
      yield `${indent}offset ${record.offset}  ${timeOf(record.timestampMs)}  ${wordsOf(record, body, topic, options)}`
    } catch (error) {
      yield { damage: `${indent}offset ${record.offset}  cannot be read: ${(error as Error).message}` }
    }
  }
}

function wordsOf(record: StoredRecord, body: RecordBody, topic: string | undefined, options: DumpOptions): string {
  switch (topic) {
    case '__topics':
      return topicWords(record)
    case DELAY_TOPIC:
      return envelopeWords(readEnvelope(body.value as Buffer, record.offset), record.offset, options)
    case MARK_TOPIC:
      return markWords(record)
    case GROUPS_TOPIC:
      return groupWords(body)
    case IDS_TOPIC:
      return idWords(body.key as Buffer, body.value)
    default:
      return bodyWords(body, options)
  }
}

function bodyWords({ key, value, headers }: RecordBody, { values }: DumpOptions): string {
  const parts = [key === null ? 'no key' : `key ${preview(key)}`]
  if (value === null) parts.push('no value')
  else parts.push(values ? `value ${preview(value, 4096)}` : `value of ${bytesOf(value.length)}`)
  for (const [name, content] of headers) parts.push(`${name}: ${preview(content)}`)
  return parts.join(', ')
}

function topicWords(record: StoredRecord): string {
  const { name, description } = decodeTopic(record)
  if (description === undefined) return `topic ${name} is deleted`
  const { id, partitions, retentionMs, retentionBytes, cleanup } = description
  const limits = [
    retentionMs === undefined ? undefined : `keeps ${formatDuration(retentionMs)}`,
    retentionBytes === undefined ? undefined : `keeps ${bytesOf(retentionBytes)}`,
    cleanup,
  ]
  return `topic ${name}: id ${id}, ${count(partitions, 'partition')}, ${limits.filter(Boolean).join(', ')}`
}

/** An envelope of `__delay`, of a slot or of overflow. */
export function envelopeWords(envelope: Envelope, offset: number, options: DumpOptions): string {
  const { dueAtMs } = envelope
  if (envelope.kind === 'cancel') return `cancel of offset ${envelope.target.offset}, due ${timeOf(dueAtMs)}`
  if (envelope.kind === 'cancelled') return `cancelled: offset ${envelope.target.offset}, due ${timeOf(dueAtMs)}`
  const { topic, topicId, partition, ownId, body } = envelope
  const to = partition === undefined ? topic : `${topic}-${partition}`
  const id = ownId === undefined ? `id ${messageId({ dueAtMs, offset })}` : `own id ${JSON.stringify(ownId)}`
  const from =
    envelope.kind === 'moved'
      ? `moved from offset ${envelope.target.offset}, due ${timeOf(envelope.target.dueAtMs)}: `
      : ''
  const rest = options.values ? `, ${bodyWords(decodeRecordBody(body), options)}` : `, ${bytesOf(body.length)}`
  return `${from}message due ${timeOf(dueAtMs)} for ${to} (topic id ${topicId}), ${id}${rest}`
}

function markWords(record: StoredRecord): string {
  const { consumed, hand, targets } = decodeMark(record)
  const to = targets.map(({ topic, partition, baseOffset, count: records }) =>
    records === 1
      ? `${topic}-${partition} at ${baseOffset}`
      : `${topic}-${partition} at ${baseOffset} to ${baseOffset + records - 1}`,
  )
  const where = to.length === 0 ? 'no record' : to.join(', ')
  return `consumed up to ${consumed}, hand at ${timeOf(hand.dueAtMs)} offset ${hand.offset}, dispatched: ${where}`
}

function groupWords({ key, value }: RecordBody): string {
  const [topic, group] = decodeKey(key ?? Buffer.alloc(0))
  const name = `group ${group} of ${topic}`
  if (value === null) return `${name} is forgotten`
  const snapshot = decodeSnapshot(value, (lockMs) => lockMs)
  if (snapshot !== undefined) {
    const inFlight = snapshot.sources.reduce(
      (sum, { runs }) => sum + runs.reduce((all, run) => all + run.statuses.length, 0),
      0,
    )
    const places = snapshot.sources.map(
      ({ place, next }) => `${place.kind} ${place.topicId}-${place.partition} from ${next}`,
    )
    return `${name}: snapshot, ${count(inFlight, 'record')} in flight, sources: ${places.join(', ')}`
  }
  const done: string[] = []
  const range = (first: number, records: number) => (records === 1 ? `${first}` : `${first} to ${first + records - 1}`)
  const known = playDelta(value, {
    acquired: (source, first, records, lockMs) =>
      done.push(`acquired ${range(first, records)} of source ${source} for ${formatDuration(lockMs)}`),
    finished: (source, first, records) => done.push(`finished ${range(first, records)} of source ${source}`),
    renewed: (source, first, records, lockMs) =>
      done.push(`renewed ${range(first, records)} of source ${source} for ${formatDuration(lockMs)}`),
    parked: (source, offset) => done.push(`passed over ${offset} of source ${source}, whose key is busy`),
    held: (source, { offset, dueAtMs }) =>
      done.push(`original ${offset} comes to source ${source}, due ${timeOf(dueAtMs)}`),
    freed: (source, offset) => done.push(`original ${offset} came to source ${source}`),
    sent: (source, wheelEnd) => done.push(`source ${source} ends at ${wheelEnd} when the wheel has brought all`),
  })
  if (!known) throw new Error('it is of no known form')
  return `${name}: ${done.join('; ')}`
}

/** A record of `__ids`, and a row of its index. */
export function idWords(key: Buffer, value: Buffer | null): string {
  const name = `id ${preview(key.subarray(4))} of topic id ${key.readUInt32BE(0)}`
  if (value === null) return `${name} is forgotten`
  const { state, atMs, dueAtMs, delayOffset, partition, offset } = decodeIdEntry(value)
  const delayed = dueAtMs > 0 ? `, due ${timeOf(dueAtMs)}, offset ${delayOffset} of ${DELAY_TOPIC}` : ''
  const place = state === 'published' || state === 'dispatched' ? `, partition ${partition} offset ${offset}` : ''
  return `${name}: ${state} since ${timeOf(atMs)}${delayed}${place}`
}
