// What may rightly be missing at the end: records of a compacted topic that a later one of their key has superseded, and
// records before the log start of a topic whose size is limited.

import type { FinalRecord, FinalState, PublishedMessage, PublishResult } from './history.ts'

/** Timestamps of neighbours may be in another order than they are. */
const NEIGHBOURS_MS = 1_000

export interface MissingMessage extends PublishedMessage {
  topic: string
  answers: readonly PublishResult[]
}

/** Whether a message that is not in its topic may have been there. */
export function mayBeGone(final: FinalState, message: MissingMessage): boolean {
  const described = final.described[message.topic]
  if (described === undefined) return false
  const { partition, offset } = message.answers.find((answer) => answer.offset !== undefined) ?? {}
  if (described.cleanup === 'compact') {
    const last = message.key === undefined ? undefined : lastOfKeys(final.topics[message.topic]).get(message.key)
    if (last === undefined) return false
    if (offset !== undefined) return last.partition === partition && last.offset > offset
    return last.timestampMs >= message.notBeforeMs - NEIGHBOURS_MS
  }
  if (described.retentionBytes === null) return false
  if (offset !== undefined) return offset < described.partitions[partition ?? 0].logStartOffset
  return described.partitions.some(({ logStartOffset }, partition) => {
    const first = firstOfPartitions(final.topics[message.topic]).get(partition)
    return logStartOffset > 0 && (first === undefined || first.timestampMs >= message.notBeforeMs - NEIGHBOURS_MS)
  })
}

const byKey = new WeakMap<readonly FinalRecord[], Map<string, FinalRecord>>()

function lastOfKeys(records: readonly FinalRecord[]): Map<string, FinalRecord> {
  let last = byKey.get(records)
  if (last === undefined) {
    last = new Map(records.flatMap((record) => (record.key === undefined ? [] : [[record.key, record]])))
    byKey.set(records, last)
  }
  return last
}

const byPartition = new WeakMap<readonly FinalRecord[], Map<number, FinalRecord>>()

function firstOfPartitions(records: readonly FinalRecord[]): Map<number, FinalRecord> {
  let first = byPartition.get(records)
  if (first === undefined) {
    first = new Map(records.toReversed().map((record) => [record.partition, record]))
    byPartition.set(records, first)
  }
  return first
}
