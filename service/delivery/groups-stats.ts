// What groups count, all of them together. Plain numbers: who looks reads them.

import type { Group } from './group/group.ts'

/** Since this process began, but for `groups`, `paused`, `waitingAcquires` and `redrivesRunning`. */
export interface GroupsStats {
  groups: number
  paused: number
  waitingAcquires: number
  acquired: number
  acknowledged: { accept: number; release: number; reject: number; renew: number }
  invalidReceipts: number
  lockExpiries: number
  deadLettered: { CLIENT_REJECT: number; DELIVERY_COUNT_EXCEEDED: number }
  /** Records that could not be delivered, retried or, each time somebody looks, shown: their bytes are damaged or deleted. */
  skipped: number
  /** Dead letters that went back to their group, and that were removed. */
  redriven: number
  purged: number
  redrivesRunning: number
  /** How often groups were paused because too many of their records died. */
  floods: number
  /** Snapshots that a checkpoint could not write, because an append may not carry so much. */
  snapshotsTooLarge: number
}

export function newCounters(): Omit<GroupsStats, 'groups' | 'paused' | 'waitingAcquires' | 'redrivesRunning'> {
  return {
    acquired: 0,
    acknowledged: { accept: 0, release: 0, reject: 0, renew: 0 },
    invalidReceipts: 0,
    lockExpiries: 0,
    deadLettered: { CLIENT_REJECT: 0, DELIVERY_COUNT_EXCEEDED: 0 },
    skipped: 0,
    redriven: 0,
    purged: 0,
    floods: 0,
    snapshotsTooLarge: 0,
  }
}

/** How many failed records of a group wait for their next try, in lanes and in the wheel. */
export function retriesWaitingIn({ sources }: Group): number {
  let waiting = 0
  for (const { place, available, inWheel } of sources) {
    if (place.kind === 'tier' || place.kind === 'delayed') waiting += available + inWheel
  }
  return waiting
}
