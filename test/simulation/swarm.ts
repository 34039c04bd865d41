// What one seed is about. Each seed turns some operations and faults off and makes the others more likely ("swarm
// testing", Groce et al. 2012): a run that does everything a little seldom does one thing often enough to go wrong. Sizes
// are small, so that every file, budget and window is full before long.

import type { SeededRandom } from '../support/seeded-random.ts'

const KIB = 1024
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export type Operation =
  | 'publish'
  | 'publish many'
  | 'hot second'
  | 'cancel'
  | 'reschedule'
  | 'dispatch now'
  | 'look up'
  | 'list'
  | 'read'
  | 'offset for time'
  | 'delete records'
  | 'create topic'
  | 'alter topic'
  | 'delete topic'
  | 'checkpoint log'
  | 'compact'
  | 'checkpoint wheel'

/** How a process ends, or what happens to it. */
export type Ending = 'kill' | 'power cut' | 'kill at call' | 'power cut at call' | 'stop' | 'fault'

export type Fault = 'EIO' | 'ENOSPC' | 'EMFILE' | 'short write'

export interface Swarm {
  /** Weights; `rest` is a pause after which the model must agree. */
  operations: Record<Operation | 'rest', number>
  endings: Record<Ending, number>
  faults: Fault[]
  /** Whether a start may be cut short as well. */
  crashesInRecovery: boolean
  clock: Record<'back' | 'forward' | 'suspend', number>
  processes: number
  operationsPerProcess: number
  clientsMax: number
  /** Weights of how far ahead a message is due. */
  delays: Record<string, number>
  /** Weights of how far time goes on when nothing else happens. */
  jumps: Record<string, number>
  recordBytesMax: number
  engine: {
    journalFileBytes: number
    segmentBytes: number
    checkpointBytes: number
    tailBytes: number
    openFilesMax: number
    checkpointIntervalMs: number
    runTailsMin: number
    runsMax: number
    deleteRetentionMs: number
    compactionBytes: number
  }
  wheel: {
    slots: number
    memoryBytes: number
    readBytes: number
    windowSeconds: number
    rememberMs: number
    settledMs: number
  }
  settleMs: number
}

/** Ranges in milliseconds of the names in `delays` and `jumps`. */
export const SPANS: Record<string, readonly [fromMs: number, toMs: number]> = {
  none: [-2 * SECOND, 0],
  milliseconds: [1, 300],
  seconds: [300, 10 * SECOND],
  minutes: [10 * SECOND, 10 * MINUTE],
  hours: [10 * MINUTE, 5 * HOUR],
  days: [5 * HOUR, 31 * DAY],
}

export function swarmOf(random: SeededRandom): Swarm {
  const some = (weight: number) => (random.chance(0.7) ? weight * random.between(1, 4) : 0)
  // A wheel goes on by its reach at the most: a month in steps of a minute would take all the time there is.
  const slots = random.pick([60, 600, 7200])
  const fileBytes = random.pick([20, 24, 32, 64]) * KIB
  return {
    operations: {
      publish: 30 * random.between(1, 3),
      'publish many': some(5),
      'hot second': some(1),
      cancel: some(10),
      reschedule: some(10),
      'dispatch now': some(3),
      'look up': some(5),
      list: some(2),
      read: some(5),
      'offset for time': some(2),
      'delete records': some(2),
      'create topic': some(2),
      'alter topic': some(1),
      'delete topic': random.chance(0.4) ? 1 : 0,
      'checkpoint log': some(2),
      compact: some(2),
      'checkpoint wheel': some(4),
      rest: some(1),
    },
    endings: {
      kill: 1,
      'power cut': some(1),
      'kill at call': some(2),
      'power cut at call': some(2),
      stop: some(1),
      fault: some(2),
    },
    faults: (['EIO', 'ENOSPC', 'EMFILE', 'short write'] as const).filter(() => random.chance(0.6)),
    crashesInRecovery: random.chance(0.5),
    clock: { back: some(1), forward: some(1), suspend: some(1) },
    processes: random.between(2, 6),
    operationsPerProcess: random.pick([15, 40, 100]),
    clientsMax: random.pick([1, 3, 10]),
    delays: spans(random, {
      none: 1,
      milliseconds: 4,
      seconds: 6,
      minutes: 3,
      hours: 2,
      ...(slots > 60 && { days: 2 }),
    }),
    jumps: { milliseconds: 5, ...spans(random, { seconds: 5, minutes: 2, hours: 1, ...(slots > 60 && { days: 1 }) }) },
    recordBytesMax: random.pick([20, 300, 2000]),
    engine: {
      journalFileBytes: fileBytes,
      segmentBytes: random.pick([1, 4, 16]) * KIB,
      checkpointBytes: random.pick([16, 50, 200]) * KIB,
      tailBytes: random.pick([1, 8, 64]) * KIB,
      openFilesMax: random.pick([1, 2, 8]),
      checkpointIntervalMs: random.pick([1, 10, 60]) * SECOND,
      runTailsMin: random.pick([1, 3, 64]),
      runsMax: random.pick([1, 3, 20]),
      deleteRetentionMs: random.pick([1, 60, 86_400]) * SECOND,
      compactionBytes: random.pick([100, 64 * KIB]),
    },
    wheel: {
      slots,
      memoryBytes: random.pick([4, 16, 64]) * KIB,
      readBytes: random.pick([600, 4 * KIB, 64 * KIB]),
      windowSeconds: random.pick([1, 4, 16]),
      rememberMs: random.pick([10 * SECOND, 10 * MINUTE, DAY]),
      settledMs: random.pick([100, 5 * SECOND, 35 * SECOND]),
    },
    settleMs: random.pick([2, 30]) * SECOND,
  }
}

/** Some of the spans, at least one of them. */
function spans(random: SeededRandom, weights: Record<string, number>): Record<string, number> {
  const kept = Object.entries(weights).filter(() => random.chance(0.6))
  return Object.fromEntries(kept.length > 0 ? kept : [['seconds', 1]])
}
