// Gathers what a consumer has to say of its records into few calls: what is said while a call is under way forms the next one.
//
// Always true:
//   1. One call at a time, of at most `AT_ONCE` acknowledgements, so what is said of one record arrives in its order.
//   2. say() never rejects: when no answer came in time the result is `unknown`, and the record comes again when its lock is over.

import type { CallError } from './call-error.ts'
import type { Acknowledgement, AcknowledgeResult, Group } from './group.ts'

const AT_ONCE = 1_000

export type Said = AcknowledgeResult | { state: 'unknown'; error: unknown }

interface Waiting {
  acknowledgement: Acknowledgement
  settle(result: Said): void
}

export interface AcknowledgerOptions {
  group: Pick<Group, 'acknowledge'>
  /** How long to go on trying: what is said after the lock is over is of no use. */
  retryForMs: number
  onError(error: CallError): void
}

export class Acknowledger {
  readonly #options: AcknowledgerOptions
  #queue: Waiting[] = []
  #busy = false

  constructor(options: AcknowledgerOptions) {
    this.#options = options
  }

  say(acknowledgement: Acknowledgement): Promise<Said> {
    return new Promise((settle) => {
      this.#queue.push({ acknowledgement, settle })
      if (this.#busy) return
      this.#busy = true
      // What ends in the same turn goes together.
      setImmediate(() => void this.#send())
    })
  }

  async #send(): Promise<void> {
    const { group, retryForMs, onError } = this.#options
    while (this.#queue.length > 0) {
      const sent = this.#queue.slice(0, AT_ONCE)
      this.#queue = this.#queue.slice(AT_ONCE)
      try {
        const acknowledgements = sent.map(({ acknowledgement }) => acknowledgement)
        const results = await group.acknowledge(acknowledgements, { retryForMs })
        for (let i = 0; i < sent.length; i++) sent[i].settle(results[i])
      } catch (error) {
        onError(error as CallError)
        for (const { settle } of sent) settle({ state: 'unknown', error })
      }
    }
    this.#busy = false
  }
}
