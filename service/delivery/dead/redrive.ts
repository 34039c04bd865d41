// A redrive at work: moves what it finds, piece by piece, at its rate.
//
// Always true:
//   1. A piece is one atomic append: the records in the group's redrive lane, that they left the dead letters, and how far
//      the task is. Memory follows when it is durable.
//   2. A piece is found and moved in the turn of its dead-letter topic, so another task, or a purge, never takes the same.
//   3. What is moved begins anew: its delivery count is 0, its attempts stay. The lane is the group's own source, so nobody
//      else sees it, and its records come in the order in which they died.
//
// After a crash: goes on behind the last piece that is durable.

import {
  type Append,
  type Clock,
  DwellError,
  decodeRecordBody,
  type Log,
  type LogEngine,
  type LogRecord,
} from '../../../storage/index.ts'
import { retriedBody } from '../failed-record.ts'
import type { Group } from '../group/group.ts'
import { DeltaWriter } from '../group/group-log.ts'
import { prepareTopics } from '../group/prepare-topics.ts'
import { deadLetterTopic } from '../lane.ts'
import type { DeadLetter } from './dead-letter.ts'
import type { DeadLetterSearch, Findings } from './dead-letter-search.ts'
import type { DeadStore } from './dead-store.ts'
import { Pace } from './pace.ts'
import type { RedriveTask } from './redrive-task.ts'
import { REMOVAL_BYTES_MAX } from './removed.ts'

export interface RedriveParts {
  engine: LogEngine
  clock: Clock
  hand: { nowMs(): number }
  log: Log
  store: DeadStore
  search: DeadLetterSearch
  /** @throws TOPIC_NOT_FOUND, GROUP_NOT_FOUND */
  groupOf(topic: string, group: string): Promise<Group>
  counters: { redriven: number }
}

const PIECE_RECORDS = 500
const PIECE_BYTES = 4 * 1024 * 1024
/** Of what an append may have: the record that completes a piece, and what else is told of it, come on top. */
const PIECE_SHARE = 1 / 8
/** Others who remove dead letters, and who stops the task, have their turns between pieces. */
const PIECE_MS = 50
/** With a rate, pieces are so far apart, or as far as one record needs. */
const STEP_MS = 50
const TRY_AGAIN_MS = 1_000
const ENDS_IT = ['TOPIC_NOT_FOUND', 'GROUP_NOT_FOUND', 'PARTITION_NOT_FOUND']

export class Redrive {
  readonly #parts: RedriveParts
  readonly #name: string
  #task: RedriveTask
  #resting = false
  #wake = () => {}

  constructor(task: RedriveTask, parts: RedriveParts) {
    this.#task = task
    this.#parts = parts
    this.#name = deadLetterTopic(task.topic, task.group)
  }

  /** As it stands: it may be ahead of the log by pieces in which nothing matched. */
  get task(): RedriveTask {
    return this.#task
  }

  /** Resolves when the task has ended, or rests. Never rejects. */
  async run(): Promise<void> {
    const { clock, log } = this.#parts
    const { task, topic, group, ratePerSecond } = this.#task
    const pace = ratePerSecond === undefined ? undefined : new Pace(clock, ratePerSecond)
    while (this.#task.state === 'running' && !this.#resting) {
      try {
        const due = Math.min(pace?.due ?? PIECE_RECORDS, PIECE_RECORDS)
        const moved = due === 0 ? 0 : await this.#inTurn(() => this.#step(due))
        pace?.did(moved)
        // One append for a step's worth, not many small ones, unless it is behind.
        if (pace !== undefined && pace.due < PIECE_RECORDS) await this.#wait(Math.max(STEP_MS, pace.waitMs(1)))
      } catch (error) {
        log.warn({ task, topic, group, err: error }, 'A redrive could not go on.')
        await this.#failedOnce(error)
      }
    }
  }

  async #failedOnce(error: unknown): Promise<void> {
    const isOver = !(error instanceof DwellError) || ENDS_IT.includes(error.code)
    try {
      if (isOver) await this.#end('failed', String((error as Error).message))
      else await this.#wait(TRY_AGAIN_MS)
    } catch {
      await this.#wait(TRY_AGAIN_MS)
    }
  }

  /** What was moved stays moved. Durable when it resolves. */
  async stop(): Promise<void> {
    await this.#end('stopped')
    this.#wake()
  }

  /** Lets it go on after the next start. */
  rest(): void {
    this.#resting = true
    this.#wake()
  }

  #end(state: 'stopped' | 'failed', reason?: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#task.state !== 'running') return
      await this.#append([], new Map(), { ...this.#task, state, reason, finishedMs: this.#parts.clock.wallMs() })
    })
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    return this.#parts.store.inTurn(this.#task.topicId, task)
  }

  /** Moves the next `max` records at most; answers how many. */
  async #step(max: number): Promise<number> {
    if (this.#task.state !== 'running' || this.#resting) return 0
    const { engine, search, groupOf } = this.#parts
    const { topic, group: name, topicId, filter, ends, next } = this.#task
    if (engine.topic(this.#name)?.id !== topicId) {
      throw new DwellError('TOPIC_NOT_FOUND', `There is no topic ${this.#name} any more.`)
    }
    const group = await groupOf(topic, name)
    const bytesMax = Math.min(PIECE_BYTES, engine.appendBytesMax * PIECE_SHARE)
    // What is removed of the dead letters has a share of its own.
    const fits = Math.max(1, Math.floor((engine.appendBytesMax * PIECE_SHARE) / REMOVAL_BYTES_MAX))
    const limits = { from: next, ends, lettersMax: Math.min(max, fits), bytesMax, forMs: PIECE_MS }
    const findings = await search.find(this.#name, filter, limits)
    const { letters } = findings
    const task = this.#after(findings)
    if (letters.length === 0) {
      if (task.state === 'running') this.#task = task
      else await this.#append([], new Map(), task)
      return 0
    }
    const partitions = Math.max(engine.topic(topic)?.partitions ?? 0, engine.topic(this.#name)?.partitions ?? 0)
    await prepareTopics(engine, [group.topicOf('redrive', 0)], { partitions })
    await this.#move(group, letters, task)
    this.#parts.counters.redriven += letters.length
    return letters.length
  }

  #after({ letters, unreadable, next }: Findings): RedriveTask {
    const { moved, failed } = this.#task
    const task = { ...this.#task, moved: moved + letters.length, failed: failed + unreadable }
    if (next !== undefined) return { ...task, next }
    return { ...task, state: 'done', finishedMs: this.#parts.clock.wallMs() }
  }

  /** From here to the append it is one turn of the loop. */
  async #move(group: Group, letters: readonly DeadLetter[], task: RedriveTask): Promise<void> {
    if (group.end) throw group.end
    const timestampMs = this.#parts.hand.nowMs()
    const removal = new Map<number, number[]>()
    const records = new Map<number, LogRecord[]>()
    for (const letter of letters) {
      const { partition, offset } = letter.place
      const body = retriedBody(decodeRecordBody(letter.body), { ...letter, deliveryCount: 0 })
      at(records, partition).push({ timestampMs, body })
      at(removal, partition).push(offset)
    }
    group.takeLaneIn('redrive', 0)
    const topic = group.topicOf('redrive', 0)
    const lanes = [...records].map(([partition, ofPartition]) => ({ topic, partition, records: ofPartition }))
    await this.#append(lanes, removal, task, group)
  }

  async #append(
    lanes: readonly Append[],
    removal: ReadonlyMap<number, number[]>,
    task: RedriveTask,
    group?: Group,
  ): Promise<void> {
    const { append, done } = this.#parts.store.change(task.topicId, removal, task)
    const appends = [...lanes, append]
    // Through the group, because the lane may be new to it.
    if (group === undefined) await this.#parts.engine.append(appends)
    else await group.append(new DeltaWriter(), appends)
    done()
    this.#task = task
  }

  #wait(ms: number): Promise<void> {
    if (this.#resting) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.#parts.clock.setTimer(resolve, ms)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}

function at<T>(map: Map<number, T[]>, partition: number): T[] {
  const list = map.get(partition) ?? []
  map.set(partition, list)
  return list
}
