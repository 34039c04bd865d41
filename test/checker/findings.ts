// What a checker has found. Of each anomaly the first are kept in words, all are counted.

/** The anomalies that are looked for, by their numbers in the list of them; those of groups and topics have names only. */
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
