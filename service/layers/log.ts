// The log, and above it the clock of the hand: it begins at the last time that the log knows.

import { join } from 'node:path'
import { EmbeddedEngine } from '../../storage/index.ts'
import { HandClock, lastKnownMs } from '../../timewheel/index.ts'
import { BelievedClock } from '../believed-clock.ts'
import type { Ground } from './ground.ts'

/** The year in which this program was made: a wall clock before it is wrong. */
const MADE_MS = Date.UTC(2026, 0, 1)

export interface LogLayer extends Ground {
  engine: EmbeddedEngine
  hand: HandClock
  /** `wheel/` in the data directory. */
  wheelDirectory: string
}

/** Recovers the log. @throws what is found damaged, by its code */
export async function openLog(ground: Ground): Promise<LogLayer> {
  const { settings, disk, clock, random, directory, log, readiness, startup, metrics, opened, testClock } = ground
  const believed = new BelievedClock(clock)
  startup.next('log', 'Recovering the log.')
  const engine = await EmbeddedEngine.open({
    disk,
    clock: believed,
    random,
    directory,
    log,
    checkpointIntervalMs: settings.CHECKPOINT_INTERVAL,
    checkpointBytes: settings.CHECKPOINT_BYTES,
    segmentBytes: settings.SEGMENT_BYTES,
    deleteRetentionMs: settings.DELETE_RETENTION,
    compactionBytes: settings.COMPACTION_BYTES,
    journalFileBytes: settings.JOURNAL_FILE_BYTES,
    openFilesMax: ground.descriptors.segments,
    onWrite: (written) => metrics.observeWrite(written),
    onRecovery: ({ doing, file, files }) => readiness.doing(`${doing} the journal: file ${file} of ${files}.`),
    onFailure: ground.onFailure,
  })
  opened.add('engine', () => engine.close())

  const wheelDirectory = join(directory, 'wheel')
  const limitsOf = async () => ({
    earliestMs: MADE_MS,
    jumpMaxMs: settings.CLOCK_JUMP_MAX,
    lastKnownMs: await lastKnownMs(engine, disk, wheelDirectory),
  })
  // A test clock is wherever it was moved to.
  const limits = testClock === undefined ? await limitsOf() : undefined
  const hand = new HandClock({ clock, log, settleMs: settings.CLOCK_SETTLE, limits })
  believed.hand = hand
  return { ...ground, engine, hand, wheelDirectory }
}
