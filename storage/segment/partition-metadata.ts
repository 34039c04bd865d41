// `partition.metadata`: which topic a partition's folder belongs to. Text, as Kafka's, without a last newline:
//
//   version: 0
//   topic_id: <16 bytes in base64url>      "dwell-topic-" and the topic id <4b>
//
// Only needed when the checkpoint is lost.

import { join } from 'node:path'
import type { Disk } from '../base/disk.ts'

export const METADATA = 'partition.metadata'

/** Writes the file; durable with the folder's name in it only after syncMetadata() and a sync of the folder. */
export async function writeMetadata(disk: Disk, directory: string, topicId: number): Promise<void> {
  const file = await disk.open(join(directory, METADATA), 'write')
  try {
    await file.write(Buffer.from(metadataText(topicId)), 0)
  } finally {
    await file.close()
  }
}

export async function syncMetadata(disk: Disk, directory: string): Promise<void> {
  const file = await disk.open(join(directory, METADATA), 'write')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The text of `partition.metadata`: the topic id as the last four of sixteen bytes. */
export function metadataText(topicId: number): string {
  const id = Buffer.from('dwell-topic-____', 'latin1')
  id.writeUInt32BE(topicId, 12)
  return `version: 0\ntopic_id: ${id.toString('base64url')}`
}

/** The topic id in the text of a `partition.metadata`; undefined when it is none of ours. */
export function topicIdOf(text: string): number | undefined {
  const found = /^version: 0\ntopic_id: ([A-Za-z0-9_-]{22})$/.exec(text)
  const id = found === null ? undefined : Buffer.from(found[1], 'base64url')
  return id?.toString('latin1', 0, 12) === 'dwell-topic-' ? id.readUInt32BE(12) : undefined
}
