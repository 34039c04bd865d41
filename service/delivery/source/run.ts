// A run: neighbouring records of one source partition that were acquired together, under one token and one lock.
//
// Always true:
//   1. A run holds no gaps: where the log has one, a new run begins.
//   2. `open` counts the records that are not finished; a run without open ones is dropped by its source.
//   3. A record moves only as MOVES says. Below its source's `next` a record that lies in no run is finished.
//
//   available ──acquire──► acquired ──leave──► leaving ──finish──► finished
//                           ▲  │  ▲               │
//                           └──┘  └─────stay──────┘
//                          renew
//
// Leaving is a record whose fate is decided (accept, release, reject, lock expired) but not yet appended: nobody else can
// decide about it, and after a crash it is simply acquired. Kafka's share groups say ACKNOWLEDGED, ARCHIVING and ARCHIVED;
// what became of a finished record stands in the lanes and in the dead letters.

import { assert } from '../../../storage/index.ts'

export const Status = { available: 0, acquired: 1, leaving: 2, finished: 3 } as const

/** All the moves that a record can make. */
export const MOVES = {
  acquire: { from: Status.available, to: Status.acquired },
  renew: { from: Status.acquired, to: Status.acquired },
  leave: { from: Status.acquired, to: Status.leaving },
  stay: { from: Status.leaving, to: Status.acquired },
  finish: { from: Status.leaving, to: Status.finished },
} as const

export type Move = (typeof MOVES)[keyof typeof MOVES]

export const TOKEN_SIZE = 16

export class Run {
  readonly first: number
  readonly token: Buffer
  readonly statuses: Uint8Array
  lockMs: number
  /** On the monotonic clock. */
  deadlineMs: number
  open: number
  /** Of the key of each record (key-turns.ts); only where the group keeps the order of keys, and knows them. */
  hashes: Uint32Array | undefined

  constructor(first: number, token: Buffer, statuses: Uint8Array, lock: { lockMs: number; deadlineMs: number }) {
    this.first = first
    this.token = token
    this.statuses = statuses
    this.lockMs = lock.lockMs
    this.deadlineMs = lock.deadlineMs
    this.open = 0
    for (const status of statuses) if (status !== Status.finished) this.open++
  }

  /** A run of `count` records that were available until now. */
  static acquired(first: number, count: number, token: Buffer, lock: { lockMs: number; deadlineMs: number }): Run {
    return new Run(first, token, new Uint8Array(count).fill(MOVES.acquire.to), lock)
  }

  get end(): number {
    return this.first + this.statuses.length
  }

  /** Moves one record; false, and nothing happens, when it is not where the move begins. */
  move(offset: number, move: Move): boolean {
    const index = offset - this.first
    if (this.statuses[index] !== move.from) return false
    this.statuses[index] = move.to
    if (move.to === Status.finished) this.open--
    assert(this.open >= 0, 'a run has no more finished records than records')
    return true
  }

  isOpen(offset: number): boolean {
    return this.statuses[offset - this.first] !== Status.finished
  }

  /** 0 where there is no key, or it is not known. */
  hashOf(offset: number): number {
    return this.hashes?.[offset - this.first] ?? 0
  }

  /** The first record that is not finished; `end` when there is none. */
  get firstOpen(): number {
    const index = this.statuses.findIndex((status) => status !== Status.finished)
    return index < 0 ? this.end : this.first + index
  }

  /** The part from `from` to before `to` as a run of its own: for a lock that differs from that of its neighbours. */
  part(from: number, to: number): Run {
    const part = new Run(from, this.token, this.statuses.slice(from - this.first, to - this.first), this)
    part.hashes = this.hashes?.slice(from - this.first, to - this.first)
    return part
  }
}
