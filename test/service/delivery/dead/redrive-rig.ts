// What tests of redrives do with a group: let records die, and begin a redrive.

import type { GroupRig } from '../group-rig.ts'

/** Where redriven records of the group go. */
export const LANE = 'orders.billing.retry.redrive'

/** The next `count` records are rejected. */
export async function rejectNext(rig: GroupRig, count: number): Promise<void> {
  for (let left = count; left > 0; ) {
    const deliveries = await rig.acquire(left)
    left -= deliveries.length
    const rejected = deliveries.map(({ receipt }) => ({ receipt, type: 'reject' as const, reason: 'bad' }))
    await rig.groups.acknowledge('orders', 'billing', rejected)
  }
}

export const begin = (rig: GroupRig, ratePerSecond?: number, filter = {}) =>
  rig.groups.deadLetters.redrives.begin('orders', 'billing', { filter, ratePerSecond })

export const taskOf = (rig: GroupRig, task: string) => rig.groups.deadLetters.redrives.get(task)

export const countDead = (rig: GroupRig, filter = {}) => rig.groups.deadLetters.count('orders', 'billing', filter)
