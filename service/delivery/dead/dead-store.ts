// What is known of dead letters beyond their topics: which of them are removed, and the redrives. The compacted topic
// `__dead`, one partition; a record is the whole of what it tells of, so only the last one of a key counts:
//
//   key removed/<topic id>/<partition>/<page>   value ┌──────────────┬─────────────┐   null when the page is of no use any
//                                                     │ version <1b> │ bits <1024b>│   more; a bit a record, lowest first,
//                                                     └──────────────┴─────────────┘   set when it is removed
//   key redrive/<task>                          value JSON (redrive-task.ts), null when it is forgotten
//
// Always true:
//   1. What is in memory is durable: it changes after the append that says so, never before.
//   2. Who removes holds the turn of that dead-letter topic from looking to the append's end. So whatever is removed was
//      there, and two calls never remove the same record.
//
// After a crash: read from the topic, whose size compaction bounds: at most a bit a dead letter, and a row a task.

import {
  type Append,
  DwellError,
  decodeRecordBody,
  encodeRecordBody,
  type LogEngine,
  type LogRecord,
  readPage,
  Turns,
} from '../../../storage/index.ts'
import { decodeTask, encodeTask, type RedriveTask } from './redrive-task.ts'
import { decodePage, encodePage, Removed } from './removed.ts'

export const DEAD_TOPIC = '__dead'
const READ_SIZE = 1024 * 1024
const NOTHING = new Removed()

/** What leaves the dead letters: offsets by partition. */
export type Removal = ReadonlyMap<number, readonly number[]>

/** An append that is to be part of an atomic one; `done` once that is durable. */
export interface Change {
  append: Append
  done(): void
}

interface OfTopic {
  turns: Turns
  removed: Map<number, Removed>
}

export class DeadStore {
  readonly tasks = new Map<string, RedriveTask>()
  readonly #engine: LogEngine
  readonly #clock: { wallMs(): number }
  readonly #byTopicId = new Map<number, OfTopic>()

  private constructor(engine: LogEngine, clock: { wallMs(): number }) {
    this.#engine = engine
    this.#clock = clock
  }

  /** Creates the topic when it is missing, and reads it. */
  static async open(engine: LogEngine, clock: { wallMs(): number }): Promise<DeadStore> {
    if (engine.topic(DEAD_TOPIC) === undefined) {
      await engine.createTopic(DEAD_TOPIC, { partitions: 1, cleanup: 'compact' })
    }
    const store = new DeadStore(engine, clock)
    const { logStartOffset, highWatermark } = engine.offsets(DEAD_TOPIC, 0)
    for (let offset = logStartOffset; offset < highWatermark; ) {
      const { records, nextOffset } = readPage(await engine.read(DEAD_TOPIC, 0, offset, READ_SIZE), offset)
      for (const { offset: at, body } of records) {
        const { key, value } = decodeRecordBody(body)
        if (!store.#take(String(key), value)) throw unknownRecord(at)
      }
      if (nextOffset === offset) break
      offset = nextOffset
    }
    return store
  }

  /** false when it is of no form that this code knows: what it says is removed must not come back for that. */
  #take(key: string, value: Buffer | null): boolean {
    const [kind, ...rest] = key.split('/')
    if (kind === 'redrive') {
      const task = value === null ? undefined : decodeTask(value)
      if (value === null) this.tasks.delete(rest[0])
      else if (task !== undefined) this.tasks.set(task.task, task)
      return value === null || task !== undefined
    }
    if (kind !== 'removed') return false
    const [topicId, partition, page] = rest.map(Number)
    const bits = value === null ? undefined : decodePage(value)
    if (value === null) this.#byTopicId.get(topicId)?.removed.get(partition)?.forget(page)
    else if (bits !== undefined) this.#of(topicId, partition).set(page, bits)
    return value === null || bits !== undefined
  }

  #ofTopic(topicId: number): OfTopic {
    const known = this.#byTopicId.get(topicId) ?? { turns: new Turns(1), removed: new Map() }
    this.#byTopicId.set(topicId, known)
    return known
  }

  #of(topicId: number, partition: number): Removed {
    const { removed } = this.#ofTopic(topicId)
    const known = removed.get(partition) ?? new Removed()
    removed.set(partition, known)
    return known
  }

  /** What is removed from a partition of the dead-letter topic with this id. */
  removed(topicId: number, partition: number): Removed {
    return this.#byTopicId.get(topicId)?.removed.get(partition) ?? NOTHING
  }

  /** Runs `task` while nobody else removes dead letters of this topic. */
  inTurn<T>(topicId: number, task: () => Promise<T>): Promise<T> {
    return this.#ofTopic(topicId).turns.run(task)
  }

  /** That dead letters leave, and how it stands with a task. Call it in the turn of the topic. */
  change(topicId: number, removal: Removal, task?: RedriveTask): Change {
    const pages: { removed: Removed; page: number; bits: Uint8Array }[] = []
    const records: LogRecord[] = []
    for (const [partition, offsets] of removal) {
      const removed = this.#of(topicId, partition)
      for (const [page, bits] of removed.with(offsets)) {
        pages.push({ removed, page, bits })
        records.push(this.#record(pageKey(topicId, partition, page), encodePage(bits)))
      }
    }
    if (task !== undefined) records.push(this.#record(`redrive/${task.task}`, encodeTask(task)))
    const done = () => {
      for (const { removed, page, bits } of pages) removed.set(page, bits)
      if (task !== undefined) this.tasks.set(task.task, task)
    }
    return { append: { topic: DEAD_TOPIC, partition: 0, records }, done }
  }

  /** Durable when it resolves. */
  async forgetTask(task: string): Promise<void> {
    await this.#append([this.#record(`redrive/${task}`, null)])
    this.tasks.delete(task)
  }

  #record(key: string, value: Buffer | null): LogRecord {
    return { timestampMs: this.#clock.wallMs(), body: encodeRecordBody(Buffer.from(key), value, []) }
  }

  #append(records: readonly LogRecord[]): Promise<number[]> {
    return this.#engine.append([{ topic: DEAD_TOPIC, partition: 0, records }])
  }

  /** Gives the log its removed heads back, and forgets what is told of records that are no more. */
  async checkpoint(): Promise<void> {
    const names = new Map([...this.#engine.topics()].map(({ id, name }) => [id, name]))
    for (const topicId of [...this.#byTopicId.keys()]) {
      await this.inTurn(topicId, () => this.#trim(topicId, names.get(topicId)))
      if (!names.has(topicId)) this.#byTopicId.delete(topicId)
    }
  }

  async #trim(topicId: number, name: string | undefined): Promise<void> {
    const forgotten: { removed: Removed; page: number }[] = []
    const records: LogRecord[] = []
    for (const [partition, removed] of this.#ofTopic(topicId).removed) {
      let pages = removed.pages
      if (name !== undefined && this.#engine.topic(name)?.id === topicId) {
        const { logStartOffset, highWatermark } = this.#engine.offsets(name, partition)
        const keptFrom = removed.firstKept(logStartOffset, highWatermark)
        pages = removed.pagesBelow(keptFrom)
        // Also where retention was here before: a crash could take back how far it came, and what is forgotten would be back.
        if (keptFrom > logStartOffset || pages.length > 0) await this.#engine.deleteRecords(name, partition, keptFrom)
      }
      for (const page of pages) {
        forgotten.push({ removed, page })
        records.push(this.#record(pageKey(topicId, partition, page), null))
      }
    }
    if (records.length === 0) return
    await this.#append(records)
    for (const { removed, page } of forgotten) removed.forget(page)
  }
}

function unknownRecord(offset: number): DwellError {
  return new DwellError('RECORD_DAMAGED', `The record at offset ${offset} of ${DEAD_TOPIC} is of no known form.`, {
    topic: DEAD_TOPIC,
    offset,
  })
}

function pageKey(topicId: number, partition: number, page: number): string {
  return `removed/${topicId}/${partition}/${page}`
}
