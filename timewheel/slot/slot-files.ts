// Where slots lie in the folder of the wheel: one file a second, `slots/<epoch second>.slot`. The name is the second itself,
// never an index into the wheel: after a long downtime that would mean another second.

import { join } from 'node:path'

const SLOT_SUFFIX = '.slot'
const SORTED_SUFFIX = '.sorted'

/** The folder of the slots in that of the wheel. */
export function slotsPath(wheelDirectory: string): string {
  return join(wheelDirectory, 'slots')
}

export function slotName(second: number): string {
  return `${second}${SLOT_SUFFIX}`
}

export function slotPath(slotsDirectory: string, second: number): string {
  return join(slotsDirectory, slotName(second))
}

/** What was in no order in a slot's file, put in order beside it while that is read. */
export function sortedPath(slotsDirectory: string, second: number): string {
  return join(slotsDirectory, `${second}${SORTED_SUFFIX}`)
}

/** The second of the slot whose file is called `name`; undefined when that is not the name of a slot's file. */
export function secondOf(name: string): number | undefined {
  return name.endsWith(SLOT_SUFFIX) ? Number(name.slice(0, -SLOT_SUFFIX.length)) : undefined
}

export function isSortedName(name: string): boolean {
  return name.endsWith(SORTED_SUFFIX)
}
