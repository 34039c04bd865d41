// What a reset of a group would mean, partition by partition, before anybody does it.

import { CallError, type DwellClient } from '../../client/index.ts'
import { parseTime } from '../../time.ts'
import { sentTime } from './forms.ts'

export interface ResetPreview {
  partition: number
  from: number
  to: number
  /** Records behind the new place that the group had passed; offsets are counted, gaps of compaction too. */
  again: number
  /** Records before the new place that the group had not passed. */
  skipped: number
}

/** @throws CallError; DwellError INVALID_TIME for a place that is none */
export async function previewReset(
  client: DwellClient,
  topic: string,
  group: string,
  to: string,
  signal: AbortSignal,
): Promise<ResetPreview[]> {
  const place = sentPlace(to)
  const described = await client.topics.get(topic, { signal })
  const { partitions } = await client.group(topic, group).describe({ signal })
  const found: ResetPreview[] = []
  for (const { partition, startOffset: from } of partitions) {
    const log = described.partitions.find((one) => one.partition === partition)
    if (log === undefined) continue
    const next =
      place === 'earliest'
        ? log.logStartOffset
        : place === 'latest'
          ? log.highWatermark
          : await offsetAt(client, topic, partition, place, log.highWatermark, signal)
    found.push({ partition, from, to: next, again: Math.max(0, from - next), skipped: Math.max(0, next - from) })
  }
  return found
}

/** @throws DwellError INVALID_TIME */
export function sentPlace(text: string): 'earliest' | 'latest' | number | string {
  if (text === 'earliest' || text === 'latest') return text
  parseTime(text, '<to>')
  return sentTime(text)
}

async function offsetAt(
  client: DwellClient,
  topic: string,
  partition: number,
  time: number | string,
  highWatermark: number,
  signal: AbortSignal,
): Promise<number> {
  try {
    const { records, nextOffset } = await client.topics.records(topic, partition, {
      offset: `@${time}`,
      limit: 1,
      signal,
    })
    return records[0]?.offset ?? nextOffset
  } catch (error) {
    if (error instanceof CallError && error.code === 'OFFSET_OUT_OF_RANGE') return highWatermark
    throw error
  }
}
