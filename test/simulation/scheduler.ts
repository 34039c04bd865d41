// Decides which of the calls under way comes back next: calls of the disk and of the overflow store. Everything else that
// the product does follows from that, so a seed decides every interleaving.
//
// Always true:
//   1. At most one call comes back in a turn of the event loop; all that it causes has run before the next one does.
//   2. Calls of a dead process never come back.
//
// How it chooses changes now and then. A uniform choice alone makes everything about equally fast, and hides what happens
// when the segments are slow and the journal is not.

import type { SeededRandom } from '../support/seeded-random.ts'

interface Call {
  what: string
  resolve: () => void
}

type Order = 'any' | 'oldest' | 'newest' | 'one kind last'

const KINDS = ['/journal/', '/topics/', '/slots/', 'store', 'sync', 'write', 'read', 'open']

export class Scheduler {
  readonly #random: SeededRandom
  #calls: Call[] = []
  #order: Order = 'any'
  #last = ''
  #orderTurns = 0

  constructor(random: SeededRandom) {
    this.#random = random
  }

  /** How many calls are under way. */
  get waiting(): number {
    return this.#calls.length
  }

  /** Resolves when this call may come back. */
  turn(what: string): Promise<void> {
    return new Promise((resolve) => this.#calls.push({ what, resolve }))
  }

  /** Lets one call come back; false when there is none. */
  step(): boolean {
    if (this.#calls.length === 0) return false
    if (this.#orderTurns-- <= 0) this.#chooseOrder()
    const [call] = this.#calls.splice(this.#index(), 1)
    call.resolve()
    return true
  }

  /** The process is dead. */
  forget(): void {
    this.#calls = []
  }

  #chooseOrder(): void {
    const random = this.#random
    this.#order = random.weighted({ any: 4, oldest: 1, newest: 1, 'one kind last': 4 })
    this.#last = random.pick(KINDS)
    this.#orderTurns = random.between(5, 300)
  }

  #index(): number {
    const count = this.#calls.length
    if (count === 1 || this.#order === 'oldest') return 0
    if (this.#order === 'newest') return count - 1
    const chosen = this.#random.between(0, count - 1)
    if (this.#order === 'any') return chosen
    for (let i = 0; i < count; i++) {
      const at = (chosen + i) % count
      if (!this.#calls[at].what.includes(this.#last)) return at
    }
    return chosen
  }
}
