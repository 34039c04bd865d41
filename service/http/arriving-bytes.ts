// The bytes of bodies that are arriving, all requests together: so many clients may not fill the memory by sending slowly, each
// of them, what each alone may send. A body of known length takes its room before its first byte.

import { DwellError } from '../../storage/index.ts'

export class ArrivingBytes {
  readonly #max: number
  #held = 0

  constructor(max: number) {
    this.#max = max
  }

  /** @throws OVERLOADED; a body is let in however large it is when nothing else arrives */
  take(size: number): void {
    if (this.#held > 0 && this.#held + size > this.#max)
      throw new DwellError('OVERLOADED', `Bodies of ${this.#held} bytes are arriving; try again.`)
    this.#held += size
  }

  giveBack(size: number): void {
    this.#held -= size
  }
}
