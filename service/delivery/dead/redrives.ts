// All redrives: those that run, and the last FINISHED_MAX that ended. They stand in `__dead` (dead-store.ts) and go on after
// a restart.

import { DwellError, type Random } from '../../../storage/index.ts'
import { deadLetterTopic } from '../lane.ts'
import type { DeadLetterFilter } from './dead-letter-filter.ts'
import { Redrive, type RedriveParts } from './redrive.ts'
import type { RedriveTask } from './redrive-task.ts'

const RUNNING_MAX = 100
const FINISHED_MAX = 1_000
const TASK_SIZE = 8

export class Redrives {
  readonly #parts: RedriveParts & { random: Random }
  readonly #running = new Map<string, { redrive: Redrive; ended: Promise<void> }>()
  /** Those that have a place among the running and are not yet. */
  #beginning = 0
  #resting = false

  constructor(parts: RedriveParts & { random: Random }) {
    this.#parts = parts
  }

  get running(): number {
    return this.#running.size
  }

  /** Goes on with those that ran when the process ended. */
  resume(): void {
    if (this.#resting) return
    for (const task of this.#parts.store.tasks.values()) if (task.state === 'running') this.#run(task)
  }

  /**
   * Begins a redrive of what is dead now; resolves when it is durable that it began.
   * @throws TOPIC_NOT_FOUND, GROUP_NOT_FOUND, TOO_MANY_REDRIVES
   */
  async begin(
    topic: string,
    group: string,
    { filter, ratePerSecond }: { filter: DeadLetterFilter; ratePerSecond?: number },
  ): Promise<RedriveTask> {
    await this.#parts.groupOf(topic, group)
    if (this.#running.size + this.#beginning >= RUNNING_MAX) {
      throw new DwellError('TOO_MANY_REDRIVES', `${RUNNING_MAX} redrives are running; stop one, or wait.`, {
        limit: RUNNING_MAX,
      })
    }
    this.#beginning++
    try {
      return await this.#begin({ topic, group, filter, ratePerSecond })
    } finally {
      this.#beginning--
    }
  }

  async #begin(asked: Pick<RedriveTask, 'topic' | 'group' | 'filter' | 'ratePerSecond'>): Promise<RedriveTask> {
    const { engine, store, search, clock, random } = this.#parts
    const name = deadLetterTopic(asked.topic, asked.group)
    const { id: topicId = 0, partitions = 0 } = engine.topic(name) ?? {}
    const ends = Array.from({ length: partitions }, (_, partition) => engine.offsets(name, partition).highWatermark)
    const startedMs = clock.wallMs()
    const matched = await search.count(name, asked.filter, ends)
    // Nothing ever died, or nothing that was asked for: there is nothing to run.
    const outcome = matched > 0 ? { state: 'running' as const } : { state: 'done' as const, finishedMs: startedMs }
    const task: RedriveTask = {
      ...asked,
      ...outcome,
      task: random.bytes(TASK_SIZE).toString('hex'),
      topicId,
      matched,
      moved: 0,
      failed: 0,
      startedMs,
      ends,
      next: { partition: 0, offset: 0 },
    }
    const { append, done } = store.change(topicId, new Map(), task)
    await engine.append([append])
    done()
    if (task.state === 'running' && !this.#resting) this.#run(task)
    await this.#forgetOld()
    return task
  }

  #run(task: RedriveTask): void {
    const redrive = new Redrive(task, this.#parts)
    const ended = redrive.run().then(() => void this.#running.delete(task.task))
    this.#running.set(task.task, { redrive, ended })
  }

  async #forgetOld(): Promise<void> {
    const { store } = this.#parts
    const finished = [...store.tasks.values()].filter(({ state }) => state !== 'running')
    finished.sort((a, b) => (a.finishedMs ?? 0) - (b.finishedMs ?? 0))
    for (const { task } of finished.slice(0, Math.max(0, finished.length - FINISHED_MAX))) await store.forgetTask(task)
  }

  /** The newest first. */
  list(): RedriveTask[] {
    const tasks = [...this.#parts.store.tasks.keys()].map((task) => this.get(task))
    return tasks.sort((a, b) => b.startedMs - a.startedMs || (a.task < b.task ? -1 : 1))
  }

  /**
   * One of a topic that `viewer` does not see is not there for him.
   * @throws REDRIVE_NOT_FOUND
   */
  get(task: string, viewer?: { sees(topic: string): boolean }): RedriveTask {
    const known = this.#running.get(task)?.redrive.task ?? this.#parts.store.tasks.get(task)
    if (known === undefined || viewer?.sees(known.topic) === false)
      throw new DwellError('REDRIVE_NOT_FOUND', `There is no redrive ${task}.`, { task })
    return known
  }

  /**
   * Stops it; what was moved stays moved. Nothing happens to one that has ended.
   * @throws REDRIVE_NOT_FOUND
   */
  async stop(task: string): Promise<RedriveTask> {
    this.get(task)
    await this.#running.get(task)?.redrive.stop()
    return this.get(task)
  }

  /** Lets all of them rest until the next start; resolves when nothing is under way. */
  async rest(): Promise<void> {
    this.#resting = true
    const running = [...this.#running.values()]
    for (const { redrive } of running) redrive.rest()
    await Promise.all(running.map(({ ended }) => ended))
  }
}
