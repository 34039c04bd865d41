// Reads a message that waits, by its place, where it is kept: in overflow, or in `__delay`. There it lies in a batch with
// what was published with it, up to ten thousand others: so what is read is the memory of few batches, used again.

import { BufferPool, bodyAt, type LogEngine, type PooledBuffer, Turns, valueOfRecordBody } from '../storage/index.ts'
import { DELAY_TOPIC, dueAtMsOf, isMessage } from './entry/entry.ts'
import type { Place } from './entry/place.ts'
import type { Overflow } from './overflow.ts'

const READS_AT_ONCE = 4

export class KeptMessages {
  readonly #engine: LogEngine
  readonly #overflow: Overflow
  readonly #turns = new Turns(READS_AT_ONCE)
  readonly #pool = new BufferPool()

  constructor(engine: LogEngine, overflow: Overflow) {
    this.#engine = engine
    this.#overflow = overflow
  }

  /** The envelope of the message at `place`; undefined when there never was one, or when it need not be kept any more. */
  async read(place: Place): Promise<Buffer | undefined> {
    const row = this.#overflow.get(place)
    return row ?? this.#turns.run(() => this.#readLogged(place))
  }

  async #readLogged({ dueAtMs, offset }: Place): Promise<Buffer | undefined> {
    const { logStartOffset, highWatermark } = this.#engine.offsets(DELAY_TOPIC, 0)
    if (offset < logStartOffset || offset >= highWatermark) return undefined
    const taken: PooledBuffer[] = []
    const allocate = (size: number) => {
      const buffer = this.#pool.take(size)
      taken.push(buffer)
      return buffer.bytes.subarray(0, size)
    }
    try {
      const body = bodyAt(await this.#engine.read(DELAY_TOPIC, 0, offset, 1, allocate), offset)
      const envelope = body && (valueOfRecordBody(body) as Buffer)
      const isIt = envelope !== undefined && isMessage(envelope) && dueAtMsOf(envelope) === dueAtMs
      return isIt ? Buffer.from(envelope) : undefined
    } finally {
      for (const buffer of taken) buffer.release()
    }
  }
}
