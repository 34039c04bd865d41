// A key-value store in memory, for tests of what stands on one.

import type { KeyedWrite, KeyRange, KeyValueStore } from '../../storage/index.ts'

export class MemoryStore implements KeyValueStore {
  readonly #rows = new Map<string, Buffer>()

  get(key: Buffer): Buffer | undefined {
    return this.#rows.get(key.toString('hex'))
  }

  async rows(range: KeyRange, limit: number): Promise<[Buffer, Buffer][]> {
    return this.#within(range)
      .slice(0, limit)
      .map((hex) => [Buffer.from(hex, 'hex'), this.#rows.get(hex) as Buffer])
  }

  async write(writes: readonly KeyedWrite[]): Promise<void> {
    for (const write of writes) {
      if (write.type === 'del') this.#rows.delete(write.key.toString('hex'))
      else this.#rows.set(write.key.toString('hex'), Buffer.from(write.value))
    }
  }

  async clear(range: KeyRange): Promise<void> {
    for (const hex of this.#within(range)) this.#rows.delete(hex)
  }

  async close(): Promise<void> {}

  #within({ gte, gt, lt }: KeyRange): string[] {
    return [...this.#rows.keys()].sort().filter((hex) => {
      if (gte !== undefined && hex < gte.toString('hex')) return false
      if (gt !== undefined && hex <= gt.toString('hex')) return false
      return lt === undefined || hex < lt.toString('hex')
    })
  }
}
