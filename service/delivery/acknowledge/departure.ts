// Departures: what was decided about acquired records becomes true. Failed records leave for their next place.
//
// Always true:
//   1. A copy in a lane or among the dead letters and the fact that its source is finished are one atomic append: a record
//      is in one place, never in two, never in none.
//   2. A copy's timestamp is taken in the turn of its append, so a lane is in due order.
//   3. Bodies of failed records are read again from the log, at most about PIECE_BYTES at a time; a call that moves more is
//      appended in pieces, each atomic.
//
// After a crash: what was not appended is acquired as before, under a lock that begins anew.

import type { Log, LogEngine, Random, StoredRecord } from '../../../storage/index.ts'
import type { DeathCause } from '../failed-record.ts'
import type { Group } from '../group/group.ts'
import { DeltaWriter } from '../group/group-log.ts'
import { RecordReader } from '../source/record-reader.ts'
import { MOVES } from '../source/run.ts'
import type { Source } from '../source/source.ts'
import { type SourceRange, SourceRanges } from '../source/source-ranges.ts'
import { type AcknowledgeResult, DEAD, DELETED, INVALID } from './acknowledgement.ts'
import { Copies, type DelayedAppends } from './copies.ts'
import type { Failure } from './failure.ts'

/** All that one call decided. Its records are leaving. */
export interface Decisions {
  accepted: SourceRanges
  renewed: (SourceRange & { lockMs: number })[]
  failed: Failure[]
  /** Which answers stand and fall with which source. */
  answers: { source: Source; epoch: number; index: number }[]
}

export type Tell = (index: number, result: AcknowledgeResult) => void

export interface DepartureParts {
  engine: LogEngine
  hand: { nowMs(): number }
  random: Random
  wheel: DelayedAppends
  log: Log
  counters: { deadLettered: Record<DeathCause, number>; skipped: number }
  /** Room came back below maxInFlight. */
  roomMade(): void
  /** So many records are about to die: in the turn of the append, before it. */
  dying(count: number): void
  /** Records could not leave and are acquired as before. */
  stayed(): void
}

const PIECE_BYTES = 8 * 1024 * 1024
/** What its copy has beside the record: where it comes from, how often, this try, and what a dead letter repeats of that. */
const COPY_BYTES = 1_024
/** Of what an append may have: what else is decided, and a snapshot of the group, come on top. */
const PIECE_SHARE = 1 / 4

export function decideNothing(): Decisions {
  return { accepted: new SourceRanges(), renewed: [], failed: [], answers: [] }
}

interface Piece {
  failure: Failure
  /** undefined when retention, or damage, took it. */
  record: StoredRecord | undefined
}

export class Departures {
  readonly #group: Group
  readonly #parts: DepartureParts

  constructor(group: Group, parts: DepartureParts) {
    this.#group = group
    this.#parts = parts
  }

  /** Resolves when all of it is durable. When records cannot be read, what is not appended stays acquired. */
  async append(decisions: Decisions, tell: Tell): Promise<void> {
    const { failed } = decisions
    if (failed.length === 0) {
      await this.#append([], decisions, tell).promise
      return
    }
    failed.sort((a, b) => a.source.place.index - b.source.place.index || a.offset - b.offset)
    const { engine, log } = this.#parts
    const reader = new RecordReader(engine, log)
    const pieceBytes = Math.min(PIECE_BYTES, engine.appendBytesMax * PIECE_SHARE)
    const durable: { promise: Promise<unknown> }[] = []
    let pieces: Piece[] = []
    let bytes = 0
    let appended = 0
    try {
      for (const failure of failed) {
        const { source, offset } = failure
        const record = source.parked.kept(offset) ?? (await reader.read(source.place, offset))
        const size = (record?.body.length ?? 0) + COPY_BYTES + 2 * Buffer.byteLength(failure.reason)
        if (pieces.length > 0 && bytes + size > pieceBytes) {
          durable.push(await this.#appendPieces(pieces, decideNothing(), tell))
          appended += pieces.length
          pieces = []
          bytes = 0
        }
        pieces.push({ failure, record })
        bytes += size
      }
      durable.push(await this.#appendPieces(pieces, decisions, tell))
    } catch (error) {
      this.#stay(failed.slice(appended), decisions.accepted)
      this.#parts.stayed()
      await Promise.allSettled(durable.map(({ promise }) => promise))
      throw error
    }
    await Promise.all(durable.map(({ promise }) => promise))
  }

  async #appendPieces(pieces: Piece[], decisions: Decisions, tell: Tell): Promise<{ promise: Promise<unknown> }> {
    const copies = new Copies(this.#group, this.#parts)
    for (const piece of pieces) {
      if (piece.record !== undefined && !copies.plan(piece.failure, piece.record)) piece.record = undefined
    }
    await copies.prepareTopics()
    // From here to the append it is one turn.
    const durable = this.#append(pieces, decisions, tell, copies)
    // Others may be read before anybody waits for this one.
    durable.promise.catch(() => {})
    return durable
  }

  #append(
    pieces: Piece[],
    { accepted, renewed }: Decisions,
    tell: Tell,
    copies?: Copies,
  ): { promise: Promise<unknown> } {
    if (this.#group.end) throw this.#group.end
    const { counters } = this.#parts
    const delta = new DeltaWriter()
    const finished = new SourceRanges()
    copies?.takeLanesIn()
    let lost = 0
    let dead = 0
    for (const { failure, record } of pieces) {
      const { source, epoch, offset, index } = failure
      if (source.epoch !== epoch) {
        tell(index, INVALID)
        continue
      }
      finished.add(source, offset)
      const result = record && copies?.add(failure, delta)
      if (result === undefined) lost++
      if (result?.state === 'dead') {
        counters.deadLettered[result.cause]++
        dead++
      }
      tell(index, result === undefined ? DELETED : result.state === 'dead' ? DEAD : result)
    }
    if (lost > 0) this.#tellLost(lost)
    for (const { source, epoch, first, count, lockMs } of renewed) {
      if (source.epoch === epoch) delta.renewed(source.place.index, first, count, lockMs)
    }
    let isEmpty = renewed.length === 0
    for (const { source, epoch, first, count } of [...accepted.list, ...finished.list]) {
      if (source.epoch !== epoch) continue
      source.finish(first, count)
      delta.finished(source.place.index, first, count)
      isEmpty = false
    }
    if (dead > 0) this.#parts.dying(dead)
    if (isEmpty) return { promise: Promise.resolve() }
    const promise = this.#group.append(delta, copies?.appends(delta))
    this.#parts.roomMade()
    return { promise }
  }

  #tellLost(count: number): void {
    const { topic, name } = this.#group
    this.#parts.counters.skipped += count
    this.#parts.log.error({ topic, group: name, count }, 'Failed records are no longer readable: nobody retries them.')
  }

  #stay(failed: readonly Failure[], accepted: SourceRanges): void {
    for (const { source, epoch, offset } of failed) {
      if (source.epoch === epoch) source.find(offset)?.move(offset, MOVES.stay)
    }
    for (const { source, epoch, first, count } of accepted.list) {
      if (source.epoch !== epoch) continue
      for (let offset = first; offset < first + count; offset++) source.find(offset)?.move(offset, MOVES.stay)
    }
  }
}
