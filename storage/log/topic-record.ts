// A record of `__topics`: what a topic is. Key: its name. Value: JSON, or null when the topic was deleted.
//
//   {"version":1,"id":17,"partitions":4,"retentionMs":604800000,"retentionBytes":1073741824,"cleanup":"delete"}
//
// `id` is one more than the offset of the record that created the topic, so it is never used again; 0 is `__topics`
// itself. A limit that is not set is left out.

import { DwellError } from '../base/errors.ts'
import { decodeRecordBody, encodeRecordBody } from '../batch/record-body.ts'
import type { LogRecord, StoredRecord, TopicDescription } from '../engine.ts'

export const TOPICS = '__topics'
export const TOPICS_ID = 0
const VERSION = 1

export function encodeTopic({ name, ...settings }: TopicDescription, timestampMs: number): LogRecord {
  const value = Buffer.from(JSON.stringify({ version: VERSION, ...settings }))
  return { timestampMs, body: encodeRecordBody(Buffer.from(name), value, []) }
}

export function encodeTopicDeletion(name: string, timestampMs: number): LogRecord {
  return { timestampMs, body: encodeRecordBody(Buffer.from(name), null, []) }
}

/**
 * What a record says: the topic, or that there is none of this name any more.
 * @throws RECORD_DAMAGED
 */
export function decodeTopic(record: StoredRecord): { name: string; description: TopicDescription | undefined } {
  const { key, value } = decodeRecordBody(record.body)
  const name = key?.toString() ?? ''
  if (value === null) return { name, description: undefined }
  const { version, ...settings } = JSON.parse(value.toString())
  if (version !== VERSION) {
    const sentence = `The topic ${name} is described in version ${version}, this program reads ${VERSION}.`
    throw new DwellError('RECORD_DAMAGED', sentence, { offset: record.offset })
  }
  return { name, description: { ...settings, name } }
}
