// What the logs and lists say when everything has come to rest, as far as groups and topics are judged by it.

import type { DescribedTopic } from './history.ts'

export interface FinalState {
  /** By topic: every record of every partition, in the order of the log. Lanes and dead-letter topics too. */
  topics: Record<string, FinalRecord[]>
  /** By topic: what is said of it. */
  described: Record<string, DescribedTopic>
  groups: FinalGroup[]
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
  /** The dead-letter list. */
  dead: { n: number; cause: string; attempts: number; partition: number; offset: number }[]
}
