// Looks at dead letters before somebody does, so that the first look is as fast as any: at a start, at each checkpoint, and
// when many died since. Never more than there is room for (dead-indexes.ts).

import type { Clock, Log } from '../../../storage/index.ts'
import { deadLetterTopic } from '../lane.ts'
import type { DeadIndexes } from './dead-indexes.ts'

/** A start waits so long at most; with very many dead letters it goes on behind it. */
const START_MS = 2_000
/** Nobody who looks must wait until more than so many are indexed. */
const BEHIND_MAX = 4_096

export interface WarmingParts {
  clock: Clock
  log: Log
  /** Those whose dead letters are looked at. */
  groups(): Iterable<{ topic: string; name: string }>
}

export class Warming {
  readonly #parts: WarmingParts
  readonly #indexes: DeadIndexes
  readonly #keepingUp = new Set<string>()
  #isUnderWay = false
  #stopped = false

  constructor(indexes: DeadIndexes, parts: WarmingParts) {
    this.#indexes = indexes
    this.#parts = parts
  }

  /** Resolves when all is looked at, or a start has waited long enough. Never rejects. */
  atStart(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#parts.clock.setTimer(resolve, START_MS)
      void this.all().then(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  /** Never rejects; who looks will be told. */
  async all(): Promise<void> {
    if (this.#isUnderWay) return
    this.#isUnderWay = true
    try {
      for (const { topic, name } of this.#parts.groups()) {
        if (this.#stopped) return
        await this.#indexes.warm(deadLetterTopic(topic, name))
      }
    } catch (error) {
      if (!this.#stopped) this.#parts.log.warn({ err: error }, 'Dead letters could not be looked at ahead.')
    } finally {
      this.#isUnderWay = false
    }
  }

  /** Records are dying: what to look at later is looked at now, when it has become much. */
  keepUp(topic: string, group: string): void {
    const name = deadLetterTopic(topic, group)
    if (this.#stopped || this.#keepingUp.has(name) || this.#indexes.behind(name) < BEHIND_MAX) return
    this.#keepingUp.add(name)
    const done = () => void this.#keepingUp.delete(name)
    this.#indexes.warm(name).then(done, done)
  }

  stop(): void {
    this.#stopped = true
  }
}
