// Every setting is a row: from the rows come the parsing of the environment and of the flags, the range checks, --help,
// the table in docs/settings.md and the chart's schema. See config.ts.

import { ACCESS_SETTINGS } from './access/access-settings.ts'
import { DEAD_PER_MINUTE_MAX, RETRY_TIERS_MAX } from './delivery/group/group-settings.ts'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const DAY_MS = 86_400 * SECOND_MS

export interface NumberRow {
  kind: 'count' | 'bytes' | 'duration'
  /** Bytes, milliseconds, or a count. */
  default: number
  min: number
  max: number
  sentence: string
}
export interface TextRow {
  kind: 'text'
  default: string
  /** What is allowed; anything when absent. */
  choices?: readonly string[]
  sentence: string
  /** It may hold a secret, or says where one lies: it is shown to nobody. */
  secret?: true
}
interface BooleanRow {
  kind: 'boolean'
  default: boolean
  sentence: string
}
interface DurationsRow {
  kind: 'durations'
  default: readonly number[]
  countMax: number
  max: number
  sentence: string
}
export type SettingRow = NumberRow | TextRow | BooleanRow | DurationsRow

/** By the name of the environment variable without DWELL_; the flag is the same name with dashes. */
export const SETTINGS = {
  HOST: {
    kind: 'text',
    default: '127.0.0.1',
    sentence:
      'Address to listen on; of a name, such as localhost, the first address. Any but a loopback one, such as 0.0.0.0, needs tokens, or OPEN_TO_ANYONE.',
  },
  PORT: { kind: 'count', default: 7200, min: 0, max: 65_535, sentence: 'Port to listen on; 0 takes a free one.' },
  DATA_DIR: { kind: 'text', default: './data', sentence: 'Folder of all data. One process at a time.' },
  LOG_LEVEL: {
    kind: 'text',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    sentence: 'The least important log lines that are written.',
  },
  AUTO_CREATE_TOPICS: {
    kind: 'boolean',
    default: true,
    sentence: 'Whether publishing to a topic that does not exist creates it.',
  },
  DEFAULT_PARTITIONS: {
    kind: 'count',
    default: 4,
    min: 1,
    max: 1_000,
    sentence: 'Partitions of a topic when nothing else is said.',
  },
  WHEEL_SLOTS: {
    kind: 'count',
    default: 7_200,
    min: 2,
    max: 604_800,
    sentence: 'Reach of the timing wheel in seconds; what is due later waits in overflow.',
  },
  WHEEL_MEMORY_BYTES: {
    kind: 'bytes',
    default: 48 * MIB,
    min: 64 * KIB,
    max: 16 * GIB,
    sentence: 'Entries kept in memory before slots are written to their files.',
  },
  WHEEL_WINDOW: {
    kind: 'duration',
    default: 16 * SECOND_MS,
    min: SECOND_MS,
    max: 600 * SECOND_MS,
    sentence: 'How far ahead of the hand slot files are held open.',
  },
  CLOCK_SETTLE: {
    kind: 'duration',
    default: 30 * SECOND_MS,
    min: 0,
    max: DAY_MS,
    sentence: 'How long a forward step of the wall clock must last before it is followed.',
  },
  CLOCK_JUMP_MAX: {
    kind: 'duration',
    default: 400 * DAY_MS,
    min: SECOND_MS,
    max: 36_600 * DAY_MS,
    sentence: 'The furthest that the wall clock may be ahead of the last known time; beyond it, it is not believed.',
  },
  TEST_CLOCK: {
    kind: 'boolean',
    default: false,
    sentence: 'For tests: the clock can be moved by a call. Only in a directory that was never used without it.',
  },
  DELAY_MAX: {
    kind: 'duration',
    default: 366 * DAY_MS,
    min: SECOND_MS,
    max: 36_600 * DAY_MS,
    sentence: 'The longest delay that is accepted.',
  },
  DEDUPLICATION_WINDOW: {
    kind: 'duration',
    default: 10 * MINUTE_MS,
    min: 0,
    max: 30 * DAY_MS,
    sentence: 'How long a message id is remembered after its message was published, dispatched or cancelled.',
  },
  CHECKPOINT_INTERVAL: {
    kind: 'duration',
    default: 30 * SECOND_MS,
    min: 100,
    max: 3_600 * SECOND_MS,
    sentence: 'How often a checkpoint is written; bounds the time of a start.',
  },
  CHECKPOINT_BYTES: {
    kind: 'bytes',
    default: 128 * MIB,
    min: MIB,
    max: 64 * GIB,
    sentence: 'Journal written since the last checkpoint that makes for another.',
  },
  SEGMENT_BYTES: {
    kind: 'bytes',
    default: 128 * MIB,
    min: 16 * KIB,
    max: 2 * GIB - 1,
    sentence: 'Size at which a partition begins its next segment.',
  },
  OPEN_FILES_MAX: {
    kind: 'count',
    default: 256,
    min: 1,
    max: 100_000,
    sentence: 'Segment files that are open at once; at most a quarter of the descriptors that the process may have.',
  },
  DISK_LOW_BYTES: {
    kind: 'bytes',
    // The journal may still grow by twice CHECKPOINT_BYTES; the rest is for what dispatch, segments and LevelDB write.
    default: GIB,
    min: 0,
    max: 16_384 * GIB,
    sentence: 'Free bytes of the disk below which publishing answers 507, so that all else can go on; 0 never refuses.',
  },
  DISK_RESERVE_BYTES: {
    kind: 'bytes',
    // A journal file of the default size, or a few compactions of LevelDB and all slots of a checkpoint.
    default: 64 * MIB,
    min: 0,
    max: 64 * GIB,
    sentence: 'Size of the reserve: a file that is given up when the disk is full all the same, and made again later.',
  },
  DELETE_RETENTION: {
    kind: 'duration',
    default: DAY_MS,
    min: 0,
    max: 36_600 * DAY_MS,
    sentence: 'How long a record without a value stays in a compacted topic after compaction first saw it.',
  },
  COMPACTION_BYTES: {
    kind: 'bytes',
    default: 16 * MIB,
    min: 64 * KIB,
    max: 2 * GIB,
    sentence: 'Memory for the keys that one pass of compaction knows.',
  },
  JOURNAL_FILE_BYTES: {
    kind: 'bytes',
    default: 64 * MIB,
    min: MIB,
    max: GIB,
    sentence: 'Size of a journal file; at least twice MESSAGE_BYTES_MAX and 512KiB.',
  },
  MESSAGE_BYTES_MAX: {
    kind: 'bytes',
    default: MIB,
    min: 1,
    max: 16 * MIB,
    sentence: 'The largest message: key, value and headers.',
  },
  REQUEST_BYTES_MAX: {
    kind: 'bytes',
    default: 16 * MIB,
    min: KIB,
    max: 28 * MIB,
    sentence: 'The largest request body.',
  },
  REQUEST_MESSAGES_MAX: {
    kind: 'count',
    default: 10_000,
    min: 1,
    max: 100_000,
    sentence: 'The most messages in a request.',
  },
  REQUEST_TIMEOUT: {
    kind: 'duration',
    default: 60 * SECOND_MS,
    min: SECOND_MS,
    max: 3_600 * SECOND_MS,
    sentence: 'How long a request may take to arrive.',
  },
  WAITING_BYTES_MAX: {
    kind: 'bytes',
    default: 128 * MIB,
    min: MIB,
    max: 16 * GIB,
    sentence: 'Published bytes waiting to be durable, beyond which publishing answers 503.',
  },
  STOP_DELAY: {
    kind: 'duration',
    default: 0,
    min: 0,
    max: 600 * SECOND_MS,
    sentence: 'How long a service that was told to stop goes on answering, not ready, so that load balancers leave it.',
  },
  STOP_TIMEOUT: {
    kind: 'duration',
    default: 8 * SECOND_MS,
    min: 0,
    max: 600 * SECOND_MS,
    sentence: 'How long a stop waits for requests under way before it cuts them off.',
  },
  METRICS_TOPICS_MAX: {
    kind: 'count',
    default: 20,
    min: 0,
    max: 1_000,
    sentence: 'Topics, groups and tiers, each, that have series of their own in the metrics: those with most.',
  },
  TRACES_ENDPOINT: {
    kind: 'text',
    default: '',
    sentence: 'Where spans are sent, by OTLP over HTTP, such as http://collector:4318/v1/traces. Empty: none are made.',
    secret: true,
  },
  CANARY_INTERVAL: {
    kind: 'duration',
    default: 0,
    min: 0,
    max: DAY_MS,
    sentence:
      'How often a delayed message of our own goes through publish, wheel and acquire, for the metrics; 0 never.',
  },
  GROUP_RETRY: {
    kind: 'durations',
    default: [5_000, 10_000, 15_000],
    countMax: RETRY_TIERS_MAX,
    max: 366 * DAY_MS,
    sentence: 'Tiers of a group when its settings do not say: how long a released record waits, each time.',
  },
  GROUP_LOCK: {
    kind: 'duration',
    default: 30 * SECOND_MS,
    min: 100,
    max: DAY_MS,
    sentence: 'How long an acquired record is locked when nothing else is said.',
  },
  GROUP_IN_FLIGHT_MAX: {
    kind: 'count',
    default: 2_000,
    min: 1,
    max: 10_000,
    sentence:
      'Acquired records a partition of its topic and of each lane that a group may have, when its settings do not say.',
  },
  GROUP_DEAD_PER_MINUTE_MAX: {
    kind: 'count',
    default: 0,
    min: 0,
    max: DEAD_PER_MINUTE_MAX,
    sentence:
      'Dead letters within a minute that a group may have before it is paused, when its settings do not say; 0 any.',
  },
  PUSH_ALLOWED_HOSTS: {
    kind: 'text',
    default: '',
    sentence: 'Hosts that groups may push to: names, *.names, addresses, networks, with commas. Empty: push is off.',
  },
  PUSH_CONNECTIONS_MAX: {
    kind: 'count',
    default: 1_000,
    min: 1,
    max: 100_000,
    sentence: 'Pushes under way at once, of all groups; at most a quarter of what connections the process may have.',
  },
  PUSH_BYTES_MAX: {
    kind: 'bytes',
    default: 64 * MIB,
    min: MIB,
    max: 16 * GIB,
    sentence: 'Bytes of records in the hand of all pushing groups; beyond it each has one record at a time.',
  },
  ...ACCESS_SETTINGS,
} as const satisfies Record<string, SettingRow>

export type SettingName = keyof typeof SETTINGS
type ValueOf<Row> = Row extends { kind: 'text' }
  ? string
  : Row extends { kind: 'boolean' }
    ? boolean
    : Row extends { kind: 'durations' }
      ? readonly number[]
      : number
/** The values by name: bytes and milliseconds as numbers. */
export type Settings = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> }
