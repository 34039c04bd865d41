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

/** What a consumer, or an endpoint, does with records, by weights. */
export type Habits = Record<'accept' | 'release' | 'release late' | 'reject' | 'renew' | 'forget', number>

export interface GroupPlan {
  topic: TopicName
  group: string
  /** In milliseconds, one list after the other, while records wait. */
  retries: readonly (readonly number[])[]
  /** By which share of itself each wait may be longer: one of these, as its tiers change. */
  jitters?: readonly number[]
  order?: 'key'
  /** Above so many dead letters a minute it pauses itself. */
  perMinuteMax?: number
  consumers: number
  habits: Habits
  /** It has an endpoint in place of consumers. */
  pushed?: boolean
  /** It is moved to other places of the log, deleted, and made anew. */
  moved?: boolean
}

const USUAL: Habits = { accept: 78, release: 10, 'release late': 3, reject: 3, renew: 3, forget: 3 }
const FAILING: Habits = { accept: 45, release: 30, 'release late': 10, reject: 10, renew: 2, forget: 3 }
const PATIENT = [1_000, 2_000, 3_000]
const SHORT = [[300, 600], [200], [300, 500, 700, 900]]

export const GROUPS: readonly GroupPlan[] = [
  { topic: 'alpha', group: 'one', retries: [PATIENT], consumers: 2, habits: USUAL },
  { topic: 'alpha', group: 'two', retries: [PATIENT], consumers: 1, habits: USUAL },
  { topic: 'beta', group: 'one', retries: [PATIENT], consumers: 1, habits: USUAL },
  /** Its topic grows. */
  { topic: 'gamma', group: 'keyed', retries: SHORT, jitters: [0, 0.5], order: 'key', consumers: 2, habits: USUAL },
  { topic: 'gamma', group: 'pushed', retries: SHORT, consumers: 0, habits: USUAL, pushed: true },
  /** Much of it dies, is redriven and purged. */
  {
    topic: 'beta',
    group: 'failing',
    retries: [...SHORT, []],
    jitters: [0, 0, 1],
    perMinuteMax: 60,
    consumers: 1,
    habits: FAILING,
  },
  /** Of a topic that forgets what is old. */
  { topic: 'limited', group: 'moved', retries: SHORT, consumers: 1, habits: USUAL, moved: true },
]
