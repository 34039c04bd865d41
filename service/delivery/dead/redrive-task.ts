// A redrive: dead letters of a group that go back to it, as a task that goes on after a restart. Kept as JSON in `__dead`
// (dead-store.ts), in the same append as the records that it moved: so it never moves a record twice.
//
//   running ──all looked at──► done
//      │ ──────stop()────────► stopped
//      └──group, topic gone──► failed

import type { DeadLetterFilter } from './dead-letter-filter.ts'

export type RedriveState = 'running' | 'done' | 'stopped' | 'failed'

export interface RedriveTask {
  /** Its name. */
  task: string
  topic: string
  group: string
  /** Of the dead-letter topic: one that came later under the same name is not touched. */
  topicId: number
  filter: DeadLetterFilter
  /** As fast as it goes when absent. */
  ratePerSecond?: number
  state: RedriveState
  /** Dead letters that the filter matched when the task began. */
  matched: number
  moved: number
  /** Matched or could not be read at all: they stay where they are. */
  failed: number
  startedMs: number
  finishedMs?: number
  /** Why it failed. */
  reason?: string
  /** The high watermarks when it began, by partition: what dies later, also of what it moved, is not moved again. */
  ends: readonly number[]
  /** Everything before this place is looked at. */
  next: { partition: number; offset: number }
}

export function encodeTask(task: RedriveTask): Buffer {
  return Buffer.from(JSON.stringify({ version: 1, ...task }))
}

/** undefined when it is of a version that this code does not know. */
export function decodeTask(value: Buffer): RedriveTask | undefined {
  try {
    const { version, ...task } = JSON.parse(value.toString())
    return version === 1 ? task : undefined
  } catch {
    return undefined
  }
}
