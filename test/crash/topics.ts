// The topics, groups and limits of a crash run: small, so that what happens seldom happens here.

const KIB = 1024

export interface TopicPlan {
  partitions: number
  /** How often it is published to, beside the others. */
  weight: number
  cleanup?: 'compact'
  retentionBytes?: number
  /** The partitions that it may grow to. */
  partitionsMax?: number
}

export const TOPICS = {
  alpha: { partitions: 4, weight: 5 },
  beta: { partitions: 1, weight: 2 },
  gamma: { partitions: 2, weight: 3, partitionsMax: 6 },
  /** Older records of a key disappear. */
  compacted: { partitions: 2, weight: 3, cleanup: 'compact' },
  /** Its oldest segments disappear. */
  limited: { partitions: 2, weight: 2, retentionBytes: 128 * KIB },
  /** So many partitions that their tails go to runs; published to in batches only. */
  wide: { partitions: 80, weight: 0 },
} as const satisfies Record<string, TopicPlan>

export type TopicName = keyof typeof TOPICS

/** What `limited` is changed to, from time to time. */
export const RETENTION_BYTES = [128 * KIB, 192 * KIB, 320 * KIB]

export const GROUPS = [
  { topic: 'alpha', group: 'one' },
  { topic: 'alpha', group: 'two' },
  { topic: 'beta', group: 'one' },
] as const

export const RETRY_TIERS = ['1s', '2s', '3s']
