// How the wheel starts. Slots are derived, so whatever is doubtful about them is answered by deriving them again; only
// overflow rows cannot be had a second time.
//
//   checkpoint   overflow store               boot    slot files        decision
//   ──────────   ──────────────────────────   ─────   ───────────────   ─────────────────────────────────────────
//   any          older than it says, or a     any     any               refuse, unless the hand has passed every row
//                batch is missing in it
//   none         never written, while older   any     any               refuse: rows may be missing, nobody can say which
//                parts of __delay are gone
//   none         else                         any     any               derive
//   damaged      any                          any     any               set it aside, derive
//   whole, older than the start of __delay    any     any               derive: what it would go on from is gone
//   whole, beyond the end of __delay          any     any               derive, and say so: the log has lost its end, and what
//                                                                       comes next gets offsets that were consumed before
//   whole        as new or newer              other   any               derive: unsynced files may have lost bytes
//   whole        as new or newer              same    missing, short    derive
//   whole        as new or newer              same    all there         go on from the checkpoint
//
// "Derive" deletes all slot files and consumes `__delay` from its log start; overflow rows due within reach are copied again.

import { type Disk, DwellError, type Log } from '../storage/index.ts'
import { type Checkpoint, readCheckpoint } from './checkpoint.ts'
import type { Mark } from './mark.ts'
import type { Overflow } from './overflow.ts'
import { SLOT_SUFFIX } from './slot.ts'

export type Decision = 'refuse' | 'derive' | 'go on'

export interface Findings {
  checkpoint: 'none' | 'damaged' | 'whole'
  /** Rows that the checkpoint, or `__delay`, relies on are not in the overflow store. */
  overflowOlder: boolean
  /** Rows may be missing that the hand has not passed. */
  overflowNeeded: boolean
  /** `__delay` still has the offset at which the checkpoint would go on. */
  delayThere: boolean
  /** `__delay` ends before that offset. */
  delayShorter: boolean
  sameBoot: boolean
  slotFilesThere: boolean
}

/** The table above, row by row; the first that fits decides. */
export const DECISIONS: readonly { when: Partial<Findings>; decision: Decision; because: string }[] = [
  { when: { overflowOlder: true, overflowNeeded: true }, decision: 'refuse', because: 'overflow rows are missing' },
  { when: { checkpoint: 'none' }, decision: 'derive', because: 'there is no checkpoint' },
  { when: { checkpoint: 'damaged' }, decision: 'derive', because: 'the checkpoint is damaged' },
  { when: { delayThere: false }, decision: 'derive', because: 'the checkpoint is an older one' },
  { when: { delayShorter: true }, decision: 'derive', because: 'the log has lost its end' },
  { when: { sameBoot: false }, decision: 'derive', because: 'the machine was booted since' },
  { when: { slotFilesThere: false }, decision: 'derive', because: 'slot files are missing or too short' },
  { when: {}, decision: 'go on', because: 'everything is there' },
]

export function decide(findings: Findings): { decision: Decision; because: string } {
  const fits = ({ when }: (typeof DECISIONS)[number]) =>
    Object.entries(when).every(([name, value]) => findings[name as keyof Findings] === value)
  return DECISIONS.find(fits) as (typeof DECISIONS)[number]
}

export interface RecoverOptions {
  disk: Disk
  log: Log
  checkpointPath: string
  slotsDirectory: string
  overflow: Overflow
  mark: Mark
  delayLogStart: number
  /** The high watermark of `__delay`. */
  delayEnd: number
  bootId: string
}

/**
 * The checkpoint to go on from, or undefined when the slots are to be derived again.
 * @throws OVERFLOW_LOST
 */
export async function recover(
  options: RecoverOptions,
): Promise<{ checkpoint: Checkpoint | undefined; because: string }> {
  const { disk, log, checkpointPath, slotsDirectory, overflow, mark, delayLogStart, delayEnd, bootId } = options
  let checkpoint: Checkpoint | undefined
  let state: Findings['checkpoint'] = 'none'
  try {
    checkpoint = await readCheckpoint(disk, checkpointPath)
    if (checkpoint !== undefined) state = 'whole'
  } catch (error) {
    if (!(error instanceof DwellError && error.code === 'FILE_DAMAGED')) throw error
    state = 'damaged'
    log.error({ path: checkpointPath, error: error.message }, 'The checkpoint of the wheel is damaged and set aside.')
    await disk.rename(checkpointPath, `${checkpointPath}.damaged`)
  }
  const isOlder = checkpoint
    ? overflow.sequence < checkpoint.overflowSequence
    : delayLogStart > 0 && overflow.sequence === 0
  const lostBatch = await overflow.lostBatch()
  // What a batch behind the checkpoint held comes again from `__delay`.
  const hasLost = lostBatch !== undefined && lostBatch <= (checkpoint?.overflowSequence ?? overflow.sequence)
  const findings: Findings = {
    checkpoint: state,
    overflowOlder: isOlder || hasLost,
    overflowNeeded: checkpoint === undefined || checkpoint.overflowLastDueAtMs > mark.hand.dueAtMs,
    delayThere: checkpoint !== undefined && checkpoint.consumed >= delayLogStart,
    delayShorter: checkpoint !== undefined && checkpoint.consumed > delayEnd,
    sameBoot: bootId !== '' && checkpoint?.bootId === bootId,
    slotFilesThere: checkpoint !== undefined && (await slotFilesThere(disk, slotsDirectory, checkpoint, mark)),
  }
  if (checkpoint !== undefined && findings.delayShorter) {
    const lost = { fromOffset: delayEnd, lastOffset: checkpoint.consumed - 1 }
    log.error(lost, 'The log has lost its end: delayed messages and cancels that were acknowledged are gone.')
  }
  const { decision, because } = decide(findings)
  if (decision === 'refuse') throw overflowLost(checkpoint, mark)
  if (lostBatch !== undefined) overflow.forgetLostBatches()
  return { checkpoint: decision === 'go on' ? checkpoint : undefined, because }
}

async function slotFilesThere(disk: Disk, directory: string, { slots }: Checkpoint, { hand }: Mark): Promise<boolean> {
  const handSecond = Math.floor(hand.dueAtMs / 1000)
  for (const { second, fileSize } of slots) {
    if (second < handSecond || fileSize === 0) continue
    const size = await disk.size(`${directory}/${second}${SLOT_SUFFIX}`)
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
