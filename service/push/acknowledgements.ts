// What endpoints decided on its way to the group: all that comes in while one acknowledge call is under way goes with the next
// one, so that a fast endpoint costs few appends. Of the results only one is of use: a renewal that was refused.

import type { Log } from '../../storage/index.ts'
import type { Acknowledgement, AcknowledgeResult, Groups } from '../delivery/index.ts'

const BATCH_MAX = 1_000

export class Acknowledgements {
  readonly #groups: Groups
  readonly #place: { topic: string; group: string }
  readonly #log: Log
  readonly #onLost: (receipts: string[]) => void
  #waiting: Acknowledgement[] = []
  #sending: Promise<void> | undefined

  /** `onLost` is told whose locks could not be renewed, because they are over. */
  constructor(groups: Groups, place: { topic: string; group: string }, log: Log, onLost: (receipts: string[]) => void) {
    this.#groups = groups
    this.#place = place
    this.#log = log
    this.#onLost = onLost
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
      const results = await this.#groups.acknowledge(topic, group, batch).catch((err) => {
        // What is not acknowledged is locked for a while yet, and then comes again.
        this.#log.error({ topic, group, count: batch.length, err }, 'Pushes could not be acknowledged.')
      })
      if (results) this.#tell(batch, results)
    }
  }

  #tell(batch: readonly Acknowledgement[], results: readonly AcknowledgeResult[]): void {
    const isLost = ({ type }: Acknowledgement, i: number) => type === 'renew' && results[i].state !== 'acquired'
    const lost = batch.filter(isLost)
    if (lost.length > 0) this.#onLost(lost.map(({ receipt }) => receipt))
  }

  /** Resolves when nothing is on its way. */
  async settled(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending
  }
}
