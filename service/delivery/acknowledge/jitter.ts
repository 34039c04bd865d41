// Jitter: how much longer than its tier a failed record waits, so that what failed together does not come back together.
//
// Only ever longer: the tier is what every record of it waits at least, as without jitter. Each has a time of its own then,
// which a lane in due order cannot give; so the wheel brings it, as what is released with a delay of its own.

import type { Random } from '../../../storage/index.ts'

const NUMBERS = 2 ** 32

/** From 0 to the share `jitter` (0 to 1) of the tier, every millisecond as likely as the others. */
export function jitterMs(tierMs: number, jitter: number, random: Random): number {
  return Math.floor((random.bytes(4).readUInt32BE() / NUMBERS) * (Math.floor(tierMs * jitter) + 1))
}
