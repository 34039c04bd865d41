// How the wheel starts. Slots are derived, so whatever is doubtful about them is answered by deriving them again; only
// overflow rows cannot be had a second time. First each of the two checkpoints for itself:
//
//   file           what it names                                          it is
//   ────────────   ────────────────────────────────────────────────────   ─────────────────────────────────────────────
//   none, damaged                                                         nothing (damaged: it is set aside)
//   whole          an offset behind the end of __delay                    of a log that has lost its end
//   whole          no census, as version 1                                without a census: counts would be wrong
//   whole          an offset before the start of __delay                  older: what it would go on from is gone
//   whole          unsynced slots of another boot, or of one unknown      of another boot: bytes of slots may be lost
//   whole          slots behind the hand whose files are missing, short   without its slots
//   whole          else                                                   good
//
// and then both, and overflow:
//
//   overflow store               checkpoint            synced one   decision
//   ──────────────────────────   ───────────────────   ──────────   ────────────────────────────────────────────────────
//   older than the checkpoint    any                   any          refuse, unless the hand has passed every row
//   says, or a batch is missing
//   never written, while older   none                  none         refuse: rows may be missing, nobody can say which
//   parts of __delay are gone
//   else                         of a log that has     any          derive, and say so: what comes next gets offsets that
//                                lost its end                       were consumed before
//   else                         without a census      any          derive: an earlier version ran here since, and the synced
//                                                                   one, which it does not know, may name slots of before
//   else                         good                  any          go on from it
//   else                         else                  good         go on from the synced one
//   else                         else                  else         derive
//
// "Derive" deletes all slot files and consumes `__delay` from its log start; overflow rows due within reach are copied again.
// What is not gone on from is worthless before the first slot is written: slot files would not be those that it names.

import type { Disk, Log } from '../../storage/index.ts'
import { DwellError } from '../../storage/index.ts'
import type { Mark } from '../mark.ts'
import type { Overflow } from '../overflow.ts'
import { slotPath, slotsPath } from '../slot/slot-files.ts'
import { type Checkpoint, readCheckpoint } from './checkpoint.ts'
import { checkpointPath, distrustCheckpoint, removeSynced, syncedPath, type Taken, take } from './checkpoint-files.ts'
import { readSynced, restoreTails, type Synced } from './synced-file.ts'

/** What is seen of one checkpoint. */
export interface Look {
  file: 'none' | 'damaged' | 'whole'
  /** `__delay` ends before the offset at which it would go on. */
  delayShorter: boolean
  census: boolean
  /** `__delay` still has that offset. */
  delayThere: boolean
  /** Its slot files are synced, or were written during this boot. */
  slotsTrusted: boolean
  slotFilesThere: boolean
}

export type Standing =
  | 'none'
  | 'damaged'
  | 'of a log that has lost its end'
  | 'without a census'
  | 'older'
  | 'of another boot'
  | 'without its slots'
  | 'good'

/** The first table above, row by row; the first that fits says it. */
export const STANDINGS: readonly { when: Partial<Look>; standing: Standing }[] = [
  { when: { file: 'none' }, standing: 'none' },
  { when: { file: 'damaged' }, standing: 'damaged' },
  { when: { delayShorter: true }, standing: 'of a log that has lost its end' },
  { when: { census: false }, standing: 'without a census' },
  { when: { delayThere: false }, standing: 'older' },
  { when: { slotsTrusted: false }, standing: 'of another boot' },
  { when: { slotFilesThere: false }, standing: 'without its slots' },
  { when: {}, standing: 'good' },
]

export type Decision = 'refuse' | 'derive' | 'go on' | 'go on from the synced one'

export interface Findings {
  /** Rows that the checkpoint, or `__delay`, relies on are not in the overflow store. */
  overflowOlder: boolean
  /** Rows may be missing that the hand has not passed. */
  overflowNeeded: boolean
  checkpoint: Standing
  synced: Standing
}

/** The second table above; the first row that fits decides. */
export const DECISIONS: readonly { when: Partial<Findings>; decision: Decision; because: string }[] = [
  { when: { overflowOlder: true, overflowNeeded: true }, decision: 'refuse', because: 'overflow rows are missing' },
  { when: { checkpoint: 'of a log that has lost its end' }, decision: 'derive', because: 'the log has lost its end' },
  {
    when: { checkpoint: 'without a census' },
    decision: 'derive',
    because: 'the checkpoint is of an earlier version',
  },
  { when: { checkpoint: 'good' }, decision: 'go on', because: 'everything is there' },
  { when: { synced: 'good' }, decision: 'go on from the synced one', because: 'what was synced is there' },
  { when: { checkpoint: 'none' }, decision: 'derive', because: 'there is no checkpoint' },
  { when: { checkpoint: 'damaged' }, decision: 'derive', because: 'the checkpoint is damaged' },
  { when: { checkpoint: 'older' }, decision: 'derive', because: 'the checkpoint is an older one' },
  { when: { checkpoint: 'of another boot' }, decision: 'derive', because: 'the machine was booted since' },
  { when: {}, decision: 'derive', because: 'slot files are missing or too short' },
]

export function standingOf(look: Look): Standing {
  return firstThatFits(STANDINGS, look).standing
}

export function decide(findings: Findings): { decision: Decision; because: string } {
  return firstThatFits(DECISIONS, findings)
}

function firstThatFits<T extends object, Row extends { when: Partial<T> }>(rows: readonly Row[], found: T): Row {
  const fits = ({ when }: Row) => Object.entries(when).every(([name, value]) => found[name as keyof T] === value)
  return rows.find(fits) as Row
}

export interface RecoverOptions {
  disk: Disk
  log: Log
  /** The wheel's own folder. */
  directory: string
  overflow: Overflow
  mark: Mark
  delayLogStart: number
  /** The high watermark of `__delay`. */
  delayEnd: number
  bootId: string
}

export interface Recovered {
  /** What to go on from; undefined when the slots are to be derived again. */
  checkpoint: Checkpoint | undefined
  /** The synced checkpoint that stays in place. */
  synced: Synced | undefined
  because: string
}

/**
 * Decides, and takes the worth from what is not gone on from.
 * @throws OVERFLOW_LOST
 */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const { disk, log, directory, overflow, mark, delayLogStart, bootId } = options
  const written = await take(disk, checkpointPath(directory), log, readCheckpoint)
  const { file, contents: synced } = await take(disk, syncedPath(directory), log, readSynced)
  const isOfThisBoot = bootId !== '' && written.contents?.bootId === bootId
  const known = written.contents ?? synced?.checkpoint
  const isOlder = known ? overflow.sequence < known.overflowSequence : delayLogStart > 0 && overflow.sequence === 0
  const lostBatch = await overflow.lostBatch()
  // What a batch behind the checkpoint held comes again from `__delay`.
  const hasLost = lostBatch !== undefined && lostBatch <= (known?.overflowSequence ?? overflow.sequence)
  const findings: Findings = {
    overflowOlder: isOlder || hasLost,
    overflowNeeded: known === undefined || known.overflowLastDueAtMs > mark.hand.dueAtMs,
    checkpoint: standingOf(await look(options, written, isOfThisBoot)),
    synced: standingOf(await look(options, { file, contents: synced?.checkpoint }, true)),
  }
  // Of a checkpoint that is damaged only the synced one can tell.
  const isBeyond = (standing: Standing) => standing === 'of a log that has lost its end'
  if (isBeyond(findings.checkpoint) || (written.contents === undefined && isBeyond(findings.synced))) {
    const lost = { fromOffset: options.delayEnd, lastOffset: (known as Checkpoint).consumed - 1 }
    log.error(lost, 'The log has lost its end: delayed messages and cancels that were acknowledged are gone.')
  }
  const { decision, because } = decide(findings)
  if (decision === 'refuse') throw overflowLost(known, mark)
  if (lostBatch !== undefined) overflow.forgetLostBatches()
  if (decision === 'go on') return { checkpoint: written.contents, synced, because }
  if (isOfThisBoot) await distrustCheckpoint(disk, directory)
  if (decision === 'go on from the synced one' && synced !== undefined) {
    await restoreTails(disk, slotsPath(directory), synced, Math.floor(mark.hand.dueAtMs / 1000))
    return { checkpoint: synced.checkpoint, synced, because }
  }
  if (synced !== undefined) await removeSynced(disk, directory)
  return { checkpoint: undefined, synced: undefined, because }
}

async function look(
  { disk, directory, delayLogStart, delayEnd, mark }: RecoverOptions,
  { file, contents: checkpoint }: Taken<Checkpoint>,
  slotsTrusted: boolean,
): Promise<Look> {
  if (checkpoint === undefined) {
    const seen = { delayShorter: false, census: false, delayThere: false, slotsTrusted: false, slotFilesThere: false }
    return { file, ...seen }
  }
  return {
    file,
    delayShorter: checkpoint.consumed > delayEnd,
    census: checkpoint.census !== undefined,
    delayThere: checkpoint.consumed >= delayLogStart,
    slotsTrusted,
    slotFilesThere: slotsTrusted && (await slotFilesThere(disk, slotsPath(directory), checkpoint, mark)),
  }
}

async function slotFilesThere(disk: Disk, directory: string, { slots }: Checkpoint, { hand }: Mark): Promise<boolean> {
  const handSecond = Math.floor(hand.dueAtMs / 1000)
  for (const { second, fileSize } of slots) {
    if (second < handSecond || fileSize === 0) continue
    const size = await disk.size(slotPath(directory, second))
    if (size === undefined || size < fileSize) return false
  }
  return true
}

/** What a start is refused with when rows of the overflow store are gone; names the span of due times, as far as it is known. */
export function overflowLost(checkpoint: Checkpoint | undefined, { hand }: Mark, cause?: unknown): DwellError {
  const time = (ms: number) => new Date(ms).toISOString()
  const span = checkpoint
    ? `messages due between ${time(Math.max(hand.dueAtMs, checkpoint.moved.dueAtMs))} and ${time(checkpoint.overflowLastDueAtMs)}`
    : `messages due later than ${time(hand.dueAtMs)}`
  const what =
    cause === undefined ? 'has lost rows that the wheel relies on' : `is damaged (${(cause as Error).message})`
  const sentence =
    `The overflow store ${what}: ${span} may be missing. ` +
    'Put the folder back as it was when the service stopped; starting without it would lose them silently.'
  return new DwellError('OVERFLOW_LOST', sentence, {}, cause)
}
