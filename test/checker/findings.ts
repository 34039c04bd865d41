// What a checker has found. Of each anomaly the first are kept in words, all are counted.

/** The anomalies of messages that are looked for, by their numbers in the list of them. */
export const ANOMALIES = {
  lost: 1,
  duplicate: 2,
  early: 3,
  late: 4,
  phantom: 5,
  'wrong place': 6,
  'water mark moved back': 7,
  'torn batch': 9,
  'cancelled but there': 15,
  'not cancelled and not there': 16,
  'answers disagree': 17,
  'pending for ever': 18,
  'dishonest metrics': 20,
  'success after a failed sync': 21,
  'reading changes state': 22,
} as const

/** Those of groups and topics. What is no anomaly of the list has a name only. */
export const DELIVERY_ANOMALIES = {
  'out of order within a key': 8,
  'overtaken within a key': 8,
  'two of a key under way': 8,
  'delivered after it was settled': 10,
  'settled twice': 10,
  'left over': 10,
  unresolved: 10,
  'two holders': 11,
  'receipt refused': 11,
  'wrong count': 12,
  'lane record missing': 13,
  'lane records not as counted': 13,
  'attempts changed': 13,
  'dead letter wrong': 13,
  'tier too short': 14,
  'wrong tier': 14,
  'redrive wrong': 19,
  'purge wrong': 19,
} as const

export const NUMBERS: Readonly<Record<string, number>> = { ...ANOMALIES, ...DELIVERY_ANOMALIES }

export type Anomaly = keyof typeof ANOMALIES

export interface Violation {
  anomaly: string
  what: string
}

const KEPT = 100

export class Findings {
  readonly violations: Violation[] = []
  readonly counts = new Map<Anomaly, number>()

  add(anomaly: Anomaly, what: string): void {
    const count = (this.counts.get(anomaly) ?? 0) + 1
    this.counts.set(anomaly, count)
    if (count <= KEPT) this.violations.push({ anomaly, what })
    else if (count === KEPT + 1) this.violations.push({ anomaly, what: '… and more' })
  }
}
