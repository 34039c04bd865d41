// The log of all groups: the topic `__groups` (bytes: group-log.ts).
//
// Always true:
//   1. Of each group its last snapshot and everything behind it is in the topic.
//   2. What lies before the oldest snapshot that is anybody's last one is deleted at a checkpoint.
//
// A snapshot that does not fit into an append, although what it names is bounded (snapshot-room.ts), is told and counted at a
// checkpoint; the group goes on with the one that it has and the deltas behind it, and nothing behind that one is deleted.
//
// So a start reads about what was written in one checkpoint interval. A group that nobody uses writes no snapshots and
// would hold the tail back: it is written again once the topic holds more than WINDOW_RECORDS and four records a group.

import {
  type Append,
  DwellError,
  decodeRecordBody,
  encodeRecordBody,
  type Log,
  type LogEngine,
  type LogRecord,
  readPage,
} from '../../../storage/index.ts'
import type { Group } from './group.ts'
import { type DeltaWriter, encodeKey, encodeSnapshot } from './group-log.ts'

export const GROUPS_TOPIC = '__groups'
const READ_SIZE = 1024 * 1024
const WINDOW_RECORDS = 10_000

interface Written {
  /** Where the last durable snapshot lies; undefined until the first one is durable. */
  snapshotOffset: number | undefined
  /** Whether deltas came behind it. */
  changed: boolean
}

export interface GroupStoreParts {
  engine: LogEngine
  clock: { wallMs(): number }
  log: Log
  counters: { snapshotsTooLarge: number }
}

export class GroupStore {
  readonly #engine: LogEngine
  readonly #clock: { wallMs(): number }
  readonly #written = new Map<Group, Written>()
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #log: Log
  readonly #counters: GroupStoreParts['counters']
  readonly #onRefused: (group: Group, error: unknown) => void

  /** `onRefused` is called when an append of a group failed: what is in memory of it is ahead of the log. */
  constructor(
    { engine, clock, log, counters }: GroupStoreParts,
    onRefused: (group: Group, error: unknown) => void = () => {},
  ) {
    this.#engine = engine
    this.#clock = clock
    this.#log = log
    this.#counters = counters
    this.#onRefused = onRefused
  }

  /** Creates the topic when it is missing, and reads it. `value` is null for a forgotten group. */
  async load(visit: (key: Buffer, value: Buffer | null, offset: number) => void): Promise<number> {
    if (this.#engine.topic(GROUPS_TOPIC) === undefined) {
      await this.#engine.createTopic(GROUPS_TOPIC, { partitions: 1, cleanup: 'delete' })
    }
    const { logStartOffset, highWatermark } = this.#engine.offsets(GROUPS_TOPIC, 0)
    let offset = logStartOffset
    while (offset < highWatermark) {
      const bytes = await this.#engine.read(GROUPS_TOPIC, 0, offset, READ_SIZE)
      const { records, nextOffset } = readPage(bytes, offset)
      if (nextOffset === offset) break
      for (const record of records) {
        const { key, value } = decodeRecordBody(record.body)
        visit(key ?? Buffer.alloc(0), value, record.offset)
      }
      offset = nextOffset
    }
    return highWatermark - logStartOffset
  }

  /** To be told of a group that load() found. */
  know(group: Group, snapshotOffset: number, changed: boolean): void {
    this.#written.set(group, { snapshotOffset, changed })
  }

  /** Appends a delta, or a snapshot where one is due, with `others` in the same atomic append. Resolves when durable. */
  append(group: Group, delta: DeltaWriter | undefined, others: readonly Append[]): Promise<number[]> {
    if (delta === undefined || group.snapshotDue) return this.#snapshot(group, others)
    const written = this.#written.get(group)
    if (written !== undefined) written.changed = true
    return this.#append(group, [this.#record(group, delta.done()), ...others])
  }

  async #snapshot(group: Group, others: readonly Append[]): Promise<number[]> {
    const written = this.#written.get(group) ?? { snapshotOffset: undefined, changed: false }
    this.#written.set(group, written)
    group.snapshotDue = false
    written.changed = false
    const offsets = await this.#append(group, [this.#record(group, encodeSnapshot(group.state)), ...others])
    written.snapshotOffset = Math.max(written.snapshotOffset ?? 0, offsets[0])
    return offsets
  }

  /** A snapshot for a checkpoint: it changes nothing, so nobody has to hear that it did not fit. */
  async #renew(group: Group, written: Written): Promise<void> {
    const body = this.#record(group, encodeSnapshot(group.state))
    const { snapshotDue } = group
    const { changed } = written
    group.snapshotDue = false
    written.changed = false
    const appended = this.#engine.append([body])
    this.#underWay.add(appended)
    try {
      const [offset] = await appended
      written.snapshotOffset = Math.max(written.snapshotOffset ?? 0, offset)
    } catch (error) {
      if (!(error instanceof DwellError) || error.code !== 'APPEND_TOO_LARGE') {
        this.#onRefused(group, error)
        throw error
      }
      group.snapshotDue ||= snapshotDue
      written.changed ||= changed
      this.#counters.snapshotsTooLarge++
      const { topic, name } = group
      this.#log.error({ topic, group: name, ...error.fields }, 'The snapshot of a group does not fit into an append.')
    } finally {
      this.#underWay.delete(appended)
    }
  }

  /** Writes that the group is no more. */
  async forget(group: Group): Promise<void> {
    const appended = this.#append(group, [this.#record(group, null)])
    this.#written.delete(group)
    await appended
  }

  #record(group: Group, value: Buffer | null): Append {
    const body = encodeRecordBody(encodeKey(group.topic, group.name), value, [])
    const records: LogRecord[] = [{ timestampMs: this.#clock.wallMs(), body }]
    return { topic: GROUPS_TOPIC, partition: 0, records }
  }

  #append(group: Group, appends: readonly Append[]): Promise<number[]> {
    const appended = this.#engine.append(appends)
    this.#underWay.add(appended)
    appended.then(
      () => this.#underWay.delete(appended),
      (error) => {
        this.#underWay.delete(appended)
        this.#onRefused(group, error)
      },
    )
    return appended
  }

  /** The group is not written any more; resolves when all that was under way is durable or refused. */
  async letGo(group: Group): Promise<void> {
    this.#written.delete(group)
    await Promise.allSettled(this.#underWay)
  }

  /** Writes due snapshots and deletes what is before the oldest that is needed. */
  async checkpoint(): Promise<void> {
    const { logStartOffset, highWatermark } = this.#engine.offsets(GROUPS_TOPIC, 0)
    const tooLong = highWatermark - logStartOffset > Math.max(WINDOW_RECORDS, 4 * this.#written.size)
    const middle = (logStartOffset + highWatermark) / 2
    const snapshots: Promise<unknown>[] = []
    for (const [group, written] of this.#written) {
      const { snapshotOffset, changed } = written
      const holdsBack = tooLong && snapshotOffset !== undefined && snapshotOffset < middle
      if (changed || holdsBack) snapshots.push(this.#renew(group, written))
    }
    await Promise.all(snapshots)
    // Snapshots that are not durable yet lie at or above the high watermark.
    let oldest = this.#engine.offsets(GROUPS_TOPIC, 0).highWatermark
    for (const { snapshotOffset } of this.#written.values()) oldest = Math.min(oldest, snapshotOffset ?? oldest)
    if (oldest > logStartOffset) await this.#engine.deleteRecords(GROUPS_TOPIC, 0, oldest)
  }

  /** Resolves when no append is under way. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
  }
}
