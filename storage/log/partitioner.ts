// Which partition a record goes to: by its key as Kafka's default partitioner does, so that a key lands where Kafka would
// put it; without a key in turns.

const SEED = 0x9747b28c | 0
const M = 0x5bd1e995 | 0

/** The partition of `key` in a topic of `partitionCount` partitions: toPositive(murmur2(key)) % partitionCount. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount
}

/** Kafka's 32-bit murmur2 (org.apache.kafka.common.utils.Utils), signed. */
export function murmur2(bytes: Uint8Array): number {
  const size = bytes.length
  let hash = SEED ^ size
  const wholeSize = size & ~3
  for (let i = 0; i < wholeSize; i += 4) {
    let k = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    hash = Math.imul(hash, M) ^ Math.imul(k, M)
  }
  const rest = size - wholeSize
  if (rest === 3) hash ^= bytes[wholeSize + 2] << 16
  if (rest >= 2) hash ^= bytes[wholeSize + 1] << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[wholeSize], M)
  hash ^= hash >>> 13
  hash = Math.imul(hash, M)
  return hash ^ (hash >>> 15)
}

/** Hands out partitions in turns, a turn per topic. Remembers at most `topicsMax` topics; a forgotten one starts anew. */
export class RoundRobin {
  readonly #next = new Map<string, number>()
  readonly #topicsMax: number

  constructor(topicsMax = 10_000) {
    this.#topicsMax = topicsMax
  }

  next(topic: string, partitionCount: number): number {
    const turn = this.#next.get(topic) ?? 0
    if (this.#next.size >= this.#topicsMax) this.#next.clear()
    this.#next.set(topic, turn + 1)
    return turn % partitionCount
  }
}
