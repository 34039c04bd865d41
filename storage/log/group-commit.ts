// The loop that makes appends durable: while one frame is being written, the next group gathers.
//
// Always true:
//   1. Groups become durable in the order in which they were begun; a group is applied (high watermarks, listeners,
//      answers) in one go, before the next one is written.
//   2. A group that has reached `groupBytesSoft` takes no more in; the next one begins.
//   3. After a failure everything waiting and everything that comes is rejected; nothing is answered with success.

import { BufferPool } from '../base/buffer-pool.ts'
import type { Clock } from '../base/clock.ts'
import { DwellError } from '../base/errors.ts'
import { asFailure, isFault } from '../base/failure.ts'
import type { Journal, JournalPosition } from '../journal/journal.ts'
import { CommitGroup, type EncodedGroup } from './commit-group.ts'
import type { Written } from './engine-options.ts'

const MIB = 1024 * 1024
const GROUP_BYTES_SOFT = 8 * MIB

export interface GroupCommitOptions {
  journal: Journal
  clock: Clock
  /** Called when a group is durable, before its appends are answered. Who keeps a view of the frame has to hold it. */
  apply: (group: CommitGroup, encoded: EncodedGroup) => void
  /** Resolves when there is room in memory for what the next group brings. */
  room: () => Promise<void> | undefined
  onWrite?: (written: Written) => void
  onFailure: (error: DwellError) => void
}

export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #pool = new BufferPool(2 * GROUP_BYTES_SOFT)
  readonly #bytesSoft: number
  /** The last one is still open; the others wait, full. */
  #waiting: CommitGroup[] = []
  #running: Promise<void> | undefined
  #refusal: DwellError | undefined
  #failure: DwellError | undefined
  #waitingBytes = 0
  #applied: JournalPosition

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#applied = options.journal.end
    // A quarter: around the smallest records a frame has three times as much.
    this.#bytesSoft = Math.min(GROUP_BYTES_SOFT, options.journal.frameBytesMax / 4)
  }

  /** Behind the last frame that is durable and applied. */
  get applied(): JournalPosition {
    return this.#applied
  }

  /** Bytes that were appended and are not durable yet. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** Why appends are refused; undefined while they are not. */
  get refusal(): DwellError | undefined {
    return this.#refusal
  }

  /** The group to which an append of this size belongs. It is written as soon as the disk is free. */
  group(bytes: number): CommitGroup {
    this.#waitingBytes += bytes
    const last = this.#waiting.at(-1)
    if (last !== undefined && last.bytes + bytes <= this.#bytesSoft) return last
    const group = new CommitGroup()
    this.#waiting.push(group)
    this.#running ??= this.#run()
    return group
  }

  /** Something has failed: rejects everything that waits and all that comes with `error`. */
  refuse(error: DwellError): void {
    this.#refusal = this.#failure = error
    const waiting = this.#waiting
    this.#waiting = []
    for (const group of waiting) group.reject(error)
  }

  /** Takes nothing more in, and resolves when all that was taken in is durable or rejected. */
  async stop(): Promise<void> {
    this.#refusal ??= new DwellError('ENGINE_CLOSED', 'The log is closed.')
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Everything that arrives in the same turn of the event loop joins the group: fewer, larger writes.
      await new Promise((resolve) => setImmediate(resolve))
      let group: CommitGroup | undefined
      try {
        await this.#options.room()
        this.#checkFailure()
        // Taken out only now, in the turn in which it is encoded: until then appends may join it.
        group = this.#waiting.shift()
        if (group !== undefined) await this.#commit(group)
      } catch (error) {
        this.#fail(group, error)
      }
    }
    this.#running = undefined
  }

  async #commit(group: CommitGroup): Promise<void> {
    const { journal, clock, apply, onWrite } = this.#options
    const gatheredBytes = group.bytes
    if (group.parts.length > 0) {
      const encoded = group.encode(this.#pool)
      const beganMs = onWrite === undefined ? 0 : clock.monotonicMs()
      await journal.write(encoded.bytes, encoded.size, group.parts.length)
      // It is durable, yet nothing is answered with success after a failure, wherever that was.
      this.#checkFailure()
      this.#applied = journal.end
      onWrite?.({ appends: group.appends, bytes: encoded.bytes.length, tookMs: clock.monotonicMs() - beganMs })
      apply(group, encoded)
      encoded.frame.release()
    }
    this.#waitingBytes -= gatheredBytes
    group.resolve()
  }

  #checkFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #fail(group: CommitGroup | undefined, error: unknown): void {
    const isKnown = error instanceof DwellError || isFault(error)
    const failure = isKnown ? asFailure(error) : new DwellError('JOURNAL_FAILED', String(error), {}, error)
    group?.reject(failure)
    this.refuse(failure)
    this.#options.onFailure(failure)
  }
}
