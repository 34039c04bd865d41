// Dead letters grouped by what they died of. At most REASONS_MAX are answered, and COUNTED_MAX counted on the way: only where
// more reasons than that differ are some of them not counted one by one. All that is not answered is honestly `others`.

import type { Row } from './dead-index.ts'

export interface DeadReason {
  cause: string
  reason: string
  count: number
  firstMs: number
  lastMs: number
}

export interface ReasonsFound {
  /** The most frequent first. */
  reasons: DeadReason[]
  /** How many died of something that is not among them. */
  others: number
}

const REASONS_MAX = 1_000
const COUNTED_MAX = 100_000

export class DeadReasons {
  readonly #byCause = new Map<string, Map<string, DeadReason>>()
  readonly #list: DeadReason[] = []
  #others = 0

  add(row: Row): void {
    const { diedAtMs } = row
    const found = this.#of(row)
    if (found === undefined) {
      this.#others++
      return
    }
    found.count++
    found.firstMs = Math.min(found.firstMs, diedAtMs)
    found.lastMs = Math.max(found.lastMs, diedAtMs)
  }

  #of({ death, diedAtMs }: Row): DeadReason | undefined {
    if (death === undefined) return undefined
    const { cause, reason } = death
    const ofCause = this.#byCause.get(cause) ?? new Map<string, DeadReason>()
    const known = ofCause.get(reason)
    if (known !== undefined || this.#list.length === COUNTED_MAX) return known
    const added = { cause, reason, count: 0, firstMs: diedAtMs, lastMs: diedAtMs }
    this.#byCause.set(cause, ofCause.set(reason, added))
    this.#list.push(added)
    return added
  }

  found(): ReasonsFound {
    this.#list.sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1))
    const rest = this.#list.slice(REASONS_MAX)
    const others = rest.reduce((sum, { count }) => sum + count, this.#others)
    return { reasons: this.#list.slice(0, REASONS_MAX), others }
  }
}
