// The overflow store, in memory, as LevelDB is for one who only sees its promises.
//
// Always true:
//   1. A batch is all or nothing, and durable when it resolves. One that is under way when the process dies, or that fails,
//      is there or it is not.
//   2. A cleared range is not synced: until the next batch is durable, a power cut may bring some of its rows back.
//   3. Rows are read as they were at one moment of the call: writes that end meanwhile may be in them or not.

import type { KeyedWrite, KeyRange, KeyValueStore } from '../../storage/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'

export interface SimulatedStoreOptions {
  random: SeededRandom
  /** Resolves when a call may come back; rejects when it fails. */
  call: (what: string) => Promise<void>
}

export class SimulatedStore {
  readonly #options: SimulatedStoreOptions
  /** By the bytes of the key in latin1, which sorts as the bytes do. */
  readonly #rows = new Map<string, Buffer>()
  #sorted: string[] | undefined
  readonly #cleared = new Map<string, Buffer>()
  readonly #underWay = new Set<readonly KeyedWrite[]>()
  #life = 0

  constructor(options: SimulatedStoreOptions) {
    this.#options = options
  }

  /** The store as the process that runs now has it open. */
  open(): KeyValueStore {
    const life = this.#life
    const call = async (what: string) => {
      // A process that died may not have noticed yet.
      if (life === this.#life) await this.#options.call(what)
      if (life !== this.#life) await new Promise(() => {})
    }
    return {
      get: (key) => this.#rows.get(key.toString('latin1')),
      rows: async (range, limit) => {
        const rows = () => this.#within(range, limit).map((key) => [Buffer.from(key, 'latin1'), this.#rows.get(key)])
        const asked = rows()
        await call('store rows')
        return (this.#options.random.chance(0.5) ? asked : rows()) as [Buffer, Buffer][]
      },
      write: async (writes) => {
        const copies = writes.map((write) =>
          write.type === 'del' ? write : { ...write, value: Buffer.from(write.value) },
        )
        if (life === this.#life) this.#underWay.add(copies)
        try {
          await call(`store write ${writes.length}`)
        } catch (error) {
          if (this.#underWay.delete(copies) && this.#options.random.chance(0.5)) this.#apply(copies)
          throw error
        }
        this.#underWay.delete(copies)
        this.#apply(copies)
        this.#cleared.clear()
      },
      clear: async (range) => {
        await call('store clear')
        for (const key of this.#within(range, Number.POSITIVE_INFINITY)) {
          this.#cleared.set(key, this.#rows.get(key) as Buffer)
          this.#rows.delete(key)
        }
        this.#sorted = undefined
      },
      close: async () => {},
    }
  }

  /** The process dies, in a power cut or not. */
  crash(powerCut: boolean): void {
    const { random } = this.#options
    this.#life++
    for (const writes of this.#underWay) if (random.chance(0.5)) this.#apply(writes)
    this.#underWay.clear()
    if (!powerCut) return
    for (const [key, value] of this.#cleared) {
      if (!this.#rows.has(key) && random.chance(0.5)) this.#rows.set(key, value)
    }
    this.#cleared.clear()
    this.#sorted = undefined
  }

  #apply(writes: readonly KeyedWrite[]): void {
    for (const write of writes) {
      const key = write.key.toString('latin1')
      if (write.type === 'del') this.#rows.delete(key)
      else this.#rows.set(key, write.value)
    }
    this.#sorted = undefined
  }

  #within({ gte, gt, lt }: KeyRange, limit: number): string[] {
    this.#sorted ??= [...this.#rows.keys()].sort()
    const keys: string[] = []
    const [from, after, before] = [gte, gt, lt].map((key) => key?.toString('latin1'))
    for (const key of this.#sorted) {
      if (before !== undefined && key >= before) break
      if (keys.length >= limit) break
      if ((from === undefined || key >= from) && (after === undefined || key > after)) keys.push(key)
    }
    return keys
  }
}
