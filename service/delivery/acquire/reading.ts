// Reading for the pump of a group (acquire.ts): sees to it that of a source so much is in memory as is wanted. Acquires
// nothing; what it passes over (parked, lost, damaged) it says in `__groups` and in the log.

import { DwellError, type Log, type LogEngine } from '../../../storage/index.ts'
import type { Group } from '../group/group.ts'
import { DeltaWriter } from '../group/group-log.ts'
import type { Source } from '../source/source.ts'
import { isGone } from '../source/source-place.ts'

export interface ReadingParts {
  engine: LogEngine
  hand: { nowMs(): number }
  log: Log
  counters: { skipped: number }
}

export class Reading {
  readonly #group: Group
  readonly #parts: ReadingParts

  constructor(group: Group, parts: ReadingParts) {
    this.#group = group
    this.#parts = parts
  }

  /** Reads until `max` records of the source are ready, or reading makes no more of them; parks what has to wait. */
  async prepare(source: Source, max: number): Promise<void> {
    if (max > 0 && source.parked.count > 0) await this.#unpark(source, max)
    this.#park(source)
    while (max > 0 && source.hungry(this.#parts.hand.nowMs(), max)) {
      if (!(await this.#fill(source))) return
      this.#park(source)
      // A key may have come free meanwhile: what waits for it comes before what lies further ahead.
      await this.#unpark(source, max)
    }
  }

  /** Reads parked records whose key is free. Those that are no longer there are given up, and the next of their keys read. */
  async #unpark(source: Source, max: number): Promise<void> {
    const { engine, counters, log } = this.#parts
    const { topic, partition, index } = source.place
    const { epoch } = source
    while (source.parked.count > 0) {
      let lost: number[]
      try {
        lost = await source.parked.read(engine, topic, partition, max)
      } catch (error) {
        if (this.#removeLane(source, error)) return
        throw error
      }
      if (lost.length === 0 || source.epoch !== epoch || this.#group.end) return
      const delta = new DeltaWriter()
      for (const offset of lost) if (source.giveUp(offset)) delta.finished(index, offset, 1)
      counters.skipped += lost.length
      const from = lost[0]
      const count = lost.length
      log.error({ topic, partition, from, count }, 'Records that waited for their key are no longer readable.')
      this.#append(delta)
    }
  }

  /** Whether the error says that a lane was deleted; then it is no source any more. */
  #removeLane(source: Source, error: unknown): boolean {
    const { kind, topic, partition } = source.place
    if (!isGone(error) || kind === 'topic') return false
    const { log } = this.#parts
    log.warn({ topic, partition, group: this.#group.name }, 'A retry topic was deleted with what waited in it.')
    this.#group.remove(source)
    return true
  }

  /** Passes over records whose key is busy. */
  #park(source: Source): void {
    if (source.turns === undefined) return
    const delta = new DeltaWriter()
    if (source.parkBlocked(delta)) this.#append(delta)
  }

  /** Nobody waits for it; when it is refused the group is read again. */
  #append(delta: DeltaWriter): void {
    this.#group.append(delta).catch(() => {})
  }

  /** Reads on; false when there is no use in going on with this source now. */
  async #fill(source: Source): Promise<boolean> {
    const { engine, log, counters } = this.#parts
    const { topic, partition } = source.place
    try {
      await source.fill(engine)
      return true
    } catch (error) {
      if (this.#removeLane(source, error)) return false
      if (isGone(error)) throw error
      // What was read before is good: serve it first, the error comes again.
      if (source.readCount > 0) return false
      if (!(error instanceof DwellError) || typeof error.fields.lastOffset !== 'number') throw error
      const from = source.next
      source.skipTo(error.fields.lastOffset + 1)
      counters.skipped += source.next - from
      log.error({ topic, partition, from, to: source.next, code: error.code }, 'Damaged records are passed over.')
      return source.next > from
    }
  }
}
