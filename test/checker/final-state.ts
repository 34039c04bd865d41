// What the logs and lists say when everything has come to rest, as far as groups and topics are judged by it.

import type { DescribedTopic } from './history.ts'

export interface FinalState {
  /** By topic: every record of every partition, in the order of the log. Lanes and dead-letter topics too. */
  topics: Record<string, FinalRecord[]>
  /** By topic: what is said of it. */
  described: Record<string, DescribedTopic>
  groups: FinalGroup[]
  redrives: FinalRedrive[]
}

export interface FinalRecord {
  partition: number
  offset: number
  timestampMs: number
  n: number
  key?: string
}

export interface FinalGroup {
  topic: string
  group: string
  lag: number
  inFlight: number
  /** In tiers. */
  waiting: number
  /** What an autoscaler is told. */
  scale: { ready: number; inFlight: number; dueSoon: number }
  /** The dead-letter list. */
  dead: FinalLetter[]
  /** How many dead letters it says there are, to each that asks in another way. */
  deadCounts: Record<string, number>
}

export interface FinalLetter {
  n: number
  cause: string
  attempts: number
  /** Of the original. */
  partition: number
  offset: number
  /** Among the dead letters. */
  place: { partition: number; offset: number }
}

export interface FinalRedrive {
  task: string
  topic: string
  group: string
  state: string
  matched: number
  moved: number
  failed: number
}
