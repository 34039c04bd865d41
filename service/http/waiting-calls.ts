// How many calls of acquire wait, in all and of one caller: each holds a connection, a timer and a place in line.

import { DwellError } from '../../storage/index.ts'
import type { Caller } from '../access/caller.ts'

export class WaitingCalls {
  readonly #max: number
  #count = 0

  constructor(max: number) {
    this.#max = max
  }

  /**
   * Answers what is to be called when the call is answered.
   * @throws OVERLOADED, TOO_MANY_WAITING
   */
  enter({ allowance }: Caller): () => void {
    if (this.#count >= this.#max) {
      const sentence = `${this.#max} calls of acquire wait, which is the most.`
      throw new DwellError('OVERLOADED', sentence, { limit: this.#max })
    }
    const leave = allowance?.takeWaiting()
    this.#count++
    return () => {
      this.#count--
      leave?.()
    }
  }
}
