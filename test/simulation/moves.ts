// Where messages that were changed are now, by their ids: noted in the append of each change, as the service does in
// `__ids`, and read again at each start. What is noted must be what became of the message: both are one atomic append.

import { type Append, encodeRecordBody, type LogEngine, readPage, valueOfRecordBody } from '../../storage/index.ts'
import type { Changed, Place } from '../../timewheel/index.ts'

export const MOVES = '__moves'
const READ_BYTES = 64 * 1024

export interface Note {
  state: 'pending' | 'cancelled'
  place: Place
}

export class Moves {
  /** The numbers of messages by their ids: of all that anything was asked of. */
  readonly numbers = new Map<string, number>()
  /** The last note of each message. */
  readonly notes = new Map<number, Note>()
  #position = 0
  #reading: Promise<void> = Promise.resolve()

  /** Joins the append of changes. */
  append(changed: (baseOffsets: readonly number[]) => Changed[], nowMs: number): Append {
    const records = (baseOffsets: readonly number[]) =>
      changed(baseOffsets).map(({ id, state, dueAtMs, delayOffset }) => {
        const text = `${id} ${state} ${dueAtMs} ${delayOffset}`
        return { timestampMs: nowMs, body: encodeRecordBody(null, Buffer.from(text), []) }
      })
    return { topic: MOVES, partition: 0, records }
  }

  /** Reads on to the end of what is durable. */
  async catchUp(engine: LogEngine): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#readOn(engine))
    await this.#reading
  }

  async #readOn(engine: LogEngine): Promise<void> {
    while (this.#position < engine.offsets(MOVES, 0).highWatermark) {
      const page = readPage(await engine.read(MOVES, 0, this.#position, READ_BYTES), this.#position)
      for (const { body } of page.records) this.#note(valueOfRecordBody(body) as Buffer)
      this.#position = page.nextOffset
    }
  }

  /** Another process: what the one before was about to read is nobody's any more. */
  begin(): void {
    this.#reading = Promise.resolve()
  }

  #note(text: Buffer): void {
    const [id, state, dueAtMs, offset] = text.toString('latin1').split(' ')
    const n = this.numbers.get(id)
    const place = { dueAtMs: Number(dueAtMs), offset: Number(offset) }
    if (n !== undefined) this.notes.set(n, { state: state as Note['state'], place })
  }
}

export async function openMoves(engine: LogEngine, moves: Moves): Promise<void> {
  moves.begin()
  if (engine.topic(MOVES) === undefined) await engine.createTopic(MOVES, { partitions: 1, cleanup: 'delete' })
}
