// Somebody who changes topics while they are used: partitions are added, limits raised and lowered. Topics come and go.

import type { SeededRandom } from '../support/seeded-random.ts'
import { type Caller, sleep } from './caller.ts'
import { RETENTION_BYTES, TOPICS } from './topics.ts'

export class Administrator {
  readonly #caller: Caller
  #working = true
  #partitions: number = TOPICS.gamma.partitions

  constructor(caller: Caller) {
    this.#caller = caller
  }

  stop(): void {
    this.#working = false
  }

  async work(random: SeededRandom): Promise<void> {
    while (this.#working) {
      await this.#caller.ready
      switch (random.weighted({ limit: 6, grow: 1, 'come and go': 4 })) {
        case 'limit':
          await this.#alter('limited', { retentionBytes: random.pick(RETENTION_BYTES) })
          break
        case 'grow':
          this.#partitions = Math.min(TOPICS.gamma.partitionsMax, this.#partitions + 1)
          await this.#alter('gamma', { partitions: this.#partitions })
          break
        case 'come and go':
          await this.#alter('passing', { partitions: random.between(1, 3) })
          await this.#alter('passing', undefined)
      }
      await sleep(random.between(50, 500))
    }
  }

  /** Sets what is given of a topic, or deletes it. */
  async #alter(topic: string, to: { partitions?: number; retentionBytes?: number } | undefined): Promise<void> {
    const { history } = this.#caller
    const op = history.invoke('alter', { topic, to })
    const [method, options] = to === undefined ? ['DELETE', {}] : ['PUT', { body: to }]
    // It may be gone, or be there with more partitions, by a call whose answer was lost.
    const answer = await this.#caller.call(op, 'alter', method, `/v1/topics/${topic}`, options, [404, 409])
    if (answer !== undefined) history.ok(op, 'alter', { done: answer.status < 300 })
  }
}
