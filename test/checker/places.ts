// Where records were seen to stand: at each offset of a partition the number of the message, as the first reader saw it.

export interface PartitionSeen {
  /** By offset: the number of the message, 0 where nobody has seen one. */
  numbers: Int32Array
  /** The highest offset that was told to anybody, and when. */
  highest: { offset: number; order: number }
}

const FIRST_SIZE = 1024

export class Places {
  readonly #partitions = new Map<string, PartitionSeen>()

  /** Notes that message `n` stands there; answers another one that was seen there before. */
  saw(topic: string, partition: number, offset: number, n: number): number | undefined {
    const seen = this.#of(topic, partition)
    if (offset >= seen.numbers.length) {
      const larger = new Int32Array(Math.max(offset + 1, seen.numbers.length * 2))
      larger.set(seen.numbers)
      seen.numbers = larger
    }
    const earlier = seen.numbers[offset]
    if (earlier !== 0) return earlier === n ? undefined : earlier
    seen.numbers[offset] = n
    return undefined
  }

  /** Somebody was told, in the event of this `order`, that there is something at `offset`. */
  told(topic: string, partition: number, offset: number, order: number): void {
    const seen = this.#of(topic, partition)
    if (offset > seen.highest.offset) seen.highest = { offset, order }
  }

  /** The highest offset that was told before the event of this `order`; undefined when it may not have been. */
  highestToldBefore(topic: string, partition: number, order: number): number | undefined {
    const { highest } = this.#of(topic, partition)
    return highest.order < order ? highest.offset : undefined
  }

  /** The message that was seen there; undefined when nobody has looked. */
  at(topic: string, partition: number, offset: number): number | undefined {
    return this.#of(topic, partition).numbers[offset] || undefined
  }

  #of(topic: string, partition: number): PartitionSeen {
    const key = `${topic}/${partition}`
    let seen = this.#partitions.get(key)
    if (seen === undefined) {
      seen = { numbers: new Int32Array(FIRST_SIZE), highest: { offset: -1, order: -1 } }
      this.#partitions.set(key, seen)
    }
    return seen
  }
}
