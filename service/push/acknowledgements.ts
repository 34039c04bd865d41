// What endpoints decided on its way to the group: all that comes in while one acknowledge call is under way goes with the next
// one, so that a fast endpoint costs few appends.

import type { Log } from '../../storage/index.ts'
import type { Acknowledgement, Groups } from '../delivery/groups.ts'

const BATCH_MAX = 1_000

export class Acknowledgements {
  readonly #groups: Groups
  readonly #place: { topic: string; group: string }
  readonly #log: Log
  #waiting: Acknowledgement[] = []
  #sending: Promise<void> | undefined

  constructor(groups: Groups, place: { topic: string; group: string }, log: Log) {
    this.#groups = groups
    this.#place = place
    this.#log = log
  }

  add(acknowledgement: Acknowledgement): void {
    this.#waiting.push(acknowledgement)
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined
    })
  }

  async #send(): Promise<void> {
    const { topic, group } = this.#place
    // A turn later: what ends together goes together.
    await undefined
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX)
      // What is not acknowledged is locked for a while yet, and then comes again.
      await this.#groups
        .acknowledge(topic, group, batch)
        .catch((err) =>
          this.#log.error({ topic, group, count: batch.length, err }, 'Pushes could not be acknowledged.'),
        )
    }
  }

  /** Resolves when nothing is on its way. */
  async settled(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending
  }
}
