// What the embedded engine is given: its surroundings, and its limits with their defaults.

import type { Clock } from '../base/clock.ts'
import type { Disk } from '../base/disk.ts'
import type { DwellError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'

export interface EmbeddedEngineOptions {
  disk: Disk
  clock: Clock
  /** For the salt of journal files; the system's own unless a test needs to repeat a run. */
  random?: Random
  directory: string
  log: Log
  /** A checkpoint is written this long after the last one if anything was appended. */
  checkpointIntervalMs?: number
  /** A checkpoint is written after this much journal. */
  checkpointBytes?: number
  segmentBytes?: number
  journalFileBytes?: number
  /** Handles of segments that are open at once. */
  openFilesMax?: number
  /** Memory for what is durable in the journal and not yet in segments. */
  tailBytes?: number
  /** So many small tails go to a run together instead of each to its segments. */
  runTailsMin?: number
  /** At so many runs all are merged into segments. */
  runsMax?: number
  /** How long a tombstone stays in a compacted topic after compaction first saw it. */
  deleteRetentionMs?: number
  /** Memory for the keys that one pass of compaction knows. */
  compactionBytes?: number
  /** Told of each file of the journal that a start begins to read: number `file` of `files`. It is read twice. */
  onRecovery?: (progress: RecoveryProgress) => void
  /** Told of each frame that became durable in the journal. Must be quick and must not throw. */
  onWrite?: (written: Written) => void
  /** Called once, after a failed write or sync: the process must end, nothing is answered with success any more. */
  onFailure: (error: DwellError) => void
}

export interface RecoveryProgress {
  doing: 'Checking' | 'Replaying'
  file: number
  files: number
}

/** What one write to the journal made durable. */
export interface Written {
  appends: number
  /** On disk: a whole number of blocks. */
  bytes: number
  /** Written and synced. */
  tookMs: number
}

const MIB = 1024 * 1024

type WithDefault = 'checkpointIntervalMs' | 'checkpointBytes' | 'segmentBytes' | 'journalFileBytes' | 'openFilesMax'

/** As given, with a value for all that the engine itself needs to know. */
export type EngineOptions = EmbeddedEngineOptions & Required<Pick<EmbeddedEngineOptions, WithDefault>>

/** Fills in what was not said. */
export function withDefaults(given: EmbeddedEngineOptions): EngineOptions {
  const { checkpointIntervalMs = 30_000, checkpointBytes = 128 * MIB, openFilesMax = 256 } = given
  const { segmentBytes = 128 * MIB, journalFileBytes = 64 * MIB } = given
  return { ...given, checkpointIntervalMs, checkpointBytes, openFilesMax, segmentBytes, journalFileBytes }
}
