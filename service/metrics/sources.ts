// Where the numbers come from. The parts count by themselves in plain numbers; each is asked once a look, so counting costs
// the hot path nothing.

import type { GroupsStats, GroupsWaiting } from '../delivery/index.ts'

export interface MetricSources {
  published(): { now: number; delayed: number; duplicates: number; overloaded: number; waitingBytes: number }
  engine(): { tailBytes: number; journalBytes: number; replayBytes: number; openFiles: number }
  wheel(): {
    pending: number
    overdueMs: number
    dispatched: number
    discarded: number
    cancelled: number
    rescheduled: number
    moved: number
    overflowRows: number
    openHandles: number
    slotFlushes: number
    slotsDerived: number
    memoryBytes: number
    lastTickAgeMs: number
    handMs: number
  }
  /** Delayed messages that were due in a second that is over. */
  overdue(): number
  pendingByTopic(): ReadonlyMap<string, number>
  groups(): GroupsStats
  groupsWaiting(): GroupsWaiting
  push(): {
    endpoints: number
    paused: number
    underWay: number
    bytes: number
    connections: number
    dialled: number
    pushes: Readonly<Record<string, number>>
    pauses: Readonly<Record<string, number>>
  }
  /** As /readyz answers. */
  ready(): boolean
  topics(): number
  connections(): number
  clock(): { state: string; aheadMs: number; steps: { back: number; forward: number } }
  access(): { failedAttempts: number; reloadFailures: number }
  /** How long the start took, from opening the directory until it listened, and when that was. */
  start(): { tookMs: number; atMs: number }
  checkpoints(): { count: number; lastAgeMs: number }
  /** How often damage was found, by the code of its file. */
  damage(): Readonly<Record<string, number>>
  compaction(): { passes: number; bytesBefore: number; bytesAfter: number; failures: number }
  space(): {
    freeBytes: number
    freeFiles: number
    low: boolean
    reserveBytes: number
    refused: number
    givenUp: number
  }
}

/** The same sources, each asked once until `forget`: several series are read from one answer. */
export function askedOnce(sources: MetricSources): { sources: MetricSources; forget: () => void } {
  const answers = new Map<string, unknown>()
  const once = (name: string, ask: () => unknown) => () => {
    if (!answers.has(name)) answers.set(name, ask())
    return answers.get(name)
  }
  const wrapped = Object.entries(sources).map(([name, ask]) => [name, once(name, ask)])
  return { sources: Object.fromEntries(wrapped), forget: () => answers.clear() }
}
