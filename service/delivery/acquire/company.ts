// In what company a record comes: how many records one call gets at most when this one is among them.
//
// A consumer that dies of one record takes all down that it got with it: nobody says which it was, their locks run out, and each
// has failed once more. So a record whose lock ran out comes with ever fewer others, and to its last try alone. Who releases a
// record says which one failed, so releases bound nothing: after an outage all come back as many at a time as before.
//
//   its lock ran out        once   twice   three times   |   tries left after this one    0    1    2   …
//   records in the call       64       8             1   |                                1    8   64   …      at most, the lesser of both
//
// Of 500 records with three tiers, one of them poison: 436 are done in their second try, 56 in their third, 7 in their
// fourth, and one is dead. Kafka's share groups halve a batch from half of the tries on (KIP-932); with the few tries that
// tiers make, that would leave 250 in the company of the last but one.

import type { Delivery } from '../delivery.ts'

const STEP = 8
const EXPIRIES_MAX = 3

/** In a group with so many tiers. What began anew (a redriven record) has no past here. */
export function companyMax(
  { deliveryCount, attempts }: Pick<Delivery, 'deliveryCount' | 'attempts'>,
  tierCount: number,
): number {
  let expiries = 0
  for (let back = 1; back < deliveryCount; back++) if (attempts.at(-back)?.cause === 'LOCK_EXPIRED') expiries++
  if (expiries === 0) return Number.POSITIVE_INFINITY
  const triesLeft = tierCount + 1 - deliveryCount
  return STEP ** Math.max(0, Math.min(EXPIRIES_MAX - expiries, triesLeft))
}
