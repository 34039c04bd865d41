// How the wheel starts. Slots are derived, so whatever is doubtful about them is answered by deriving them again; only
// overflow rows cannot be had a second time.
//
//   checkpoint   overflow store               boot    slot files        decision
//   ──────────   ──────────────────────────   ─────   ───────────────   ─────────────────────────────────────────
//   any          older than it says           any     any               refuse, unless the hand has passed every row
//   none         never written, while older   any     any               refuse: rows may be missing, nobody can say which
//                parts of __delay are gone
//   none         else                         any     any               derive
//   damaged      any                          any     any               set it aside, derive
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
  sameBoot: boolean
  slotFilesThere: boolean
}

/** The table above, row by row; the first that fits decides. */
export const DECISIONS: readonly { when: Partial<Findings>; decision: Decision; because: string }[] = [
  { when: { overflowOlder: true, overflowNeeded: true }, decision: 'refuse', because: 'overflow rows are missing' },
  { when: { checkpoint: 'none' }, decision: 'derive', because: 'there is no checkpoint' },
  { when: { checkpoint: 'damaged' }, decision: 'derive', because: 'the checkpoint is damaged' },
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
  bootId: string
}

/**
 * The checkpoint to go on from, or undefined when the slots are to be derived again.
 * @throws OVERFLOW_LOST
 */
export async function recover(
  options: RecoverOptions,
): Promise<{ checkpoint: Checkpoint | undefined; because: string }> {
  const { disk, log, checkpointPath, slotsDirectory, overflow, mark, delayLogStart, bootId } = options
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
  const findings: Findings = {
    checkpoint: state,
    overflowOlder: checkpoint
      ? overflow.sequence < checkpoint.overflowSequence
      : delayLogStart > 0 && overflow.sequence === 0,
    overflowNeeded: checkpoint === undefined || checkpoint.overflowLastDueAtMs > mark.hand.dueAtMs,
    sameBoot: bootId !== '' && checkpoint?.bootId === bootId,
    slotFilesThere: checkpoint !== undefined && (await slotFilesThere(disk, slotsDirectory, checkpoint, mark)),
  }
  const { decision, because } = decide(findings)
  if (decision === 'refuse') throw overflowLost(checkpoint, mark)
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

function overflowLost(checkpoint: Checkpoint | undefined, { hand }: Mark): DwellError {
  const time = (ms: number) => new Date(ms).toISOString()
  const span = checkpoint
    ? `messages due between ${time(Math.max(hand.dueAtMs, checkpoint.moved.dueAtMs))} and ${time(checkpoint.overflowLastDueAtMs)}`
    : `messages due later than ${time(hand.dueAtMs)}`
  return new DwellError(
    'OVERFLOW_LOST',
    `The overflow store is older than the checkpoint of the wheel relies on: ${span} may be missing. ` +
      'Put the folder back as it was when the service stopped; starting without it would lose them silently.',
  )
}
