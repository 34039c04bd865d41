// In what company a record comes: how many records one call gets at most when this one is among them.
//
// A consumer that dies of one record takes all down that it got with it, and each of them has failed once more. So a record
// that has failed comes with ever fewer others, and to its last try alone: none becomes a dead letter for what another did.
//
//   tries left after this one      0    1    2    3   …
//   records in the call, at most   1    8   64  512   …      the first try is bounded by nothing
//
// Of 500 records with three tiers, one of them poison: 436 are done in their second try, 56 in their third, 7 in their
// fourth, and one is dead. Kafka's share groups halve a batch from half of the tries on (KIP-932); with the few tries that
// tiers make, that would leave 250 in the company of the last but one.

const STEP = 8

/** For the delivery with this number, 1 the first, in a group with so many tiers. */
export function companyMax(deliveryCount: number, tierCount: number): number {
  if (deliveryCount <= 1) return Number.POSITIVE_INFINITY
  return STEP ** Math.max(0, tierCount + 1 - deliveryCount)
}
