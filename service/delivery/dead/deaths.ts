// What records died of, each pair of cause and reason once, known by a number.
//
// Reasons that differ each time must not fill memory: beyond DEATHS_BYTES_MAX they are not remembered and all of them are 0,
// the number of what is not known.

/** A cause and a reason that records died of. */
export interface Death {
  cause: string
  reason: string
}

const DEATHS_BYTES_MAX = 8 * 1024 * 1024
/** A row of the list and of the map, about, beside the characters of its reason. */
const DEATH_SIZE = 120
const CHARACTER_SIZE = 2

export class Deaths {
  readonly #list: Death[] = [{ cause: '', reason: '' }]
  readonly #ids = new Map<string, Map<string, number>>()
  #size = 0

  /** Bytes of memory, about. */
  get size(): number {
    return this.#size
  }

  /** How many numbers there are, with 0. */
  get count(): number {
    return this.#list.length
  }

  /** @returns undefined for what is not known */
  at(id: number): Death | undefined {
    return id === 0 ? undefined : this.#list[id]
  }

  idOf(cause: string, reason: string): number {
    const ofCause = this.#ids.get(cause) ?? new Map<string, number>()
    const known = ofCause.get(reason)
    if (known !== undefined) return known
    const size = DEATH_SIZE + CHARACTER_SIZE * reason.length
    if (this.#size + size > DEATHS_BYTES_MAX) return 0
    this.#size += size
    const id = this.#list.push({ cause, reason }) - 1
    this.#ids.set(cause, ofCause.set(reason, id))
    return id
  }
}
