// What clients did and were told, as one list of events, one line of JSON each. `invoke` is written before a request
// leaves, then one of: `ok` (answered with success, or with a definite state), `fail` (refused: nothing happened), `info`
// (no answer, or a 5xx: it may have happened). A `note` is what the harness itself did to the server and to its clock.
//
// Always true:
//   1. One process writes a history, so the order of its lines is an order of real time: an outcome that stands before an
//      `invoke` was there before that request left.
//   2. Times are the harness's wall clock, which nobody steps; the server's may be another, and notes say by how much.

import { closeSync, openSync, readSync, writeSync } from 'node:fs'

export interface PublishedMessage {
  n: number
  /** It must not be in its target before this. For a delayed message: the time asked for. */
  notBeforeMs: number
  delayed: boolean
  /** The time was asked for as such, not as a delay from now. */
  byTime?: boolean
  id?: string
  key?: string
}

export interface PublishInvoke {
  topic: string
  messages: PublishedMessage[]
  /** Set when the messages stand or fall together. */
  batch?: number
  /** Who published. */
  publisher?: number
}

export interface PublishResult {
  partition?: number
  offset?: number
  id?: string
  dueAtMs?: number
  duplicate?: boolean
}

export interface DeliveredRecord {
  n: number
  receipt: string
  deliveryCount: number
  lockedUntilMs: number
  partition: number
  offset: number
  /** The tries before this one, oldest first. */
  attempts?: Try[]
}

/** A try that failed, as the service tells it. */
export interface Try {
  atMs: number
  cause: string
  reason: string
}

export interface OfGroup {
  topic: string
  group: string
}

/** What is set on a group, as far as it is judged by it; the group is deleted without `to`. */
export interface ConfigureInvoke extends OfGroup {
  to: GroupPlan | undefined
}

export interface GroupPlan {
  /** How long a failed record waits before its 2nd, 3rd … delivery. */
  retryMs?: readonly number[]
  order?: 'none' | 'key'
  /** By which share of itself each wait may be longer. */
  jitter?: number
}

/** A call about dead letters: of all of a group, or of those with a key. */
export interface OfDeadLetters extends OfGroup {
  key?: string
}

/** A dead letter and its place among the dead letters. */
export interface ListedLetter {
  n: number
  partition: number
  offset: number
}

/** A record as an endpoint got it. It has no receipt, and tells nothing of its lock. */
export interface PushInvoke extends OfGroup {
  record: Pick<DeliveredRecord, 'n' | 'deliveryCount' | 'partition' | 'offset'>
}

export type AcknowledgeType = 'accept' | 'release' | 'reject' | 'renew'

export interface AcknowledgeInvoke {
  topic: string
  group: string
  acknowledgements: { n: number; receipt: string; deliveryCount: number; type: AcknowledgeType; delayMs?: number }[]
}

export interface AcknowledgeResult {
  state: string
  dueAtMs?: number
  tier?: string
  lockedUntilMs?: number
}

/** What a topic is changed to; deleted without `to`. */
export interface AlterInvoke {
  topic: string
  to: { partitions?: number; retentionBytes?: number } | undefined
}

/** Which message a call about one of them is for. */
export interface OfMessage {
  topic: string
  id: string
  n: number
}

export interface RescheduleInvoke extends OfMessage {
  /** The time asked for, or from now by the delay asked for. */
  toMs: number
  byTime: boolean
}

export type State = 'pending' | 'dispatched' | 'cancelled' | 'unknown'

/** What was said of a message. */
export interface Told {
  state: State
  dueAtMs?: number
  partition?: number
  offset?: number
}

export interface ListInvoke {
  topic: string
  /** Behind the last of the page before, or from where the first page was to begin. */
  fromMs: number
  toMs: number
}

export interface ListOk {
  messages: { n: number; dueAtMs: number }[]
  /** Whether more follows. */
  more: boolean
}

export interface ForecastOk {
  fromMs: number
  stepMs: number
  counts: number[]
  overdue: number
  later: number
  /** How far the counts may be wrong within a minute. */
  approximate?: boolean
}

export interface ReadRecord {
  offset: number
  timestampMs: number
  n: number
  key?: string
}

export interface DescribedTopic {
  cleanup: string
  retentionBytes: number | null
  partitions: { logStartOffset: number; highWatermark: number; sizeBytes: number }[]
}

/** What the counters of one life of the server say; those it does not have are left out. */
export interface Counters {
  pending: number
  publishedNow: number
  publishedDelayed: number
  dispatched: number
  cancelled: number
  /** Dead letters that came, and that were given back. */
  dead?: number
  redriven?: number
}

/** A round of reads while nothing else happened: a digest of all files before and after it, and what differs. */
export interface LookedAt {
  before: string
  after: string
  changed: string[]
}

interface Calls {
  publish: { invoke: PublishInvoke; ok: { results: PublishResult[] } }
  cancel: { invoke: OfMessage; ok: Told }
  reschedule: { invoke: RescheduleInvoke; ok: Told }
  dispatch: { invoke: OfMessage; ok: Told }
  'look up': { invoke: OfMessage; ok: Told }
  list: { invoke: ListInvoke; ok: ListOk }
  forecast: { invoke: { topic?: string }; ok: ForecastOk }
  read: { invoke: { topic: string; partition: number }; ok: { records: ReadRecord[] } }
  describe: { invoke: { topic: string }; ok: DescribedTopic }
  metrics: { invoke: object; ok: Counters }
  'look at all': { invoke: object; ok: LookedAt }
  acquire: { invoke: { topic: string; group: string }; ok: { records: DeliveredRecord[] } }
  acknowledge: { invoke: AcknowledgeInvoke; ok: { results: AcknowledgeResult[] } }
  alter: { invoke: AlterInvoke; ok: { done: boolean } }
  configure: { invoke: ConfigureInvoke; ok: { done: boolean } }
  pause: { invoke: OfGroup; ok: object }
  resume: { invoke: OfGroup; ok: object }
  reset: { invoke: OfGroup & { to: string }; ok: object }
  /** A dry run answers a count, without a task. */
  redrive: { invoke: OfDeadLetters & { dryRun: boolean }; ok: { task?: string; count?: number } }
  'stop redrive': { invoke: { task: string }; ok: { state: string; moved: number } }
  'look at redrives': { invoke: OfGroup; ok: { running: string[] } }
  purge: { invoke: OfDeadLetters; ok: { count: number } }
  'dead letters': { invoke: OfGroup; ok: { letters: ListedLetter[] } }
  /** What became of a record of the topic in the group. */
  explain: { invoke: OfGroup & { partition: number; offset: number }; ok: { state: string } }
  /** It ends when the endpoint has answered (whatever it says), or the connection is gone: `info`. */
  push: { invoke: PushInvoke; ok: { status: number } }
}

export type Call = keyof Calls

export type Outcome = {
  [C in Call]:
    | { op: number; call: C; kind: 'ok'; atMs: number; value: Calls[C]['ok'] }
    | { op: number; call: C; kind: 'fail' | 'info'; atMs: number; value: string }
}[Call]

export type Invoke = {
  [C in Call]: { op: number; call: C; kind: 'invoke'; atMs: number; value: Calls[C]['invoke'] }
}[Call]

export type Note = { kind: 'note'; atMs: number } & (
  | { note: 'server started' | 'server ended' }
  /** The server's wall clock is ahead of the harness's by so much from now on. */
  | { note: 'clock'; aheadMs: number }
  /** A write or a sync of the log failed in the server. */
  | { note: 'sync failed' }
  /** Everything is mended: what is read from here on is what remains. Once for each time that all is read. */
  | { note: 'final read' }
)

export type Event = Invoke | Outcome | Note

const WRITTEN_AT_ONCE = 1024 * 1024
const READ_AT_ONCE = 4 * 1024 * 1024

/** Writes events to a file, and keeps them in memory as well when it is asked to. */
export class History {
  readonly events: Event[] = []
  readonly #keep: boolean
  readonly #file: number
  #unwritten: string[] = []
  #unwrittenSize = 0
  #nextOp = 1
  count = 0

  constructor(path: string, { keep = true } = {}) {
    this.#file = openSync(path, 'w')
    this.#keep = keep
  }

  invoke<C extends Call>(call: C, value: Calls[C]['invoke']): number {
    const op = this.#nextOp++
    this.#add({ op, call, kind: 'invoke', atMs: Date.now(), value } as Event)
    return op
  }

  ok<C extends Call>(op: number, call: C, value: Calls[C]['ok']): void {
    this.#add({ op, call, kind: 'ok', atMs: Date.now(), value } as Event)
  }

  fail(op: number, call: Call, why: string): void {
    this.#add({ op, call, kind: 'fail', atMs: Date.now(), value: why })
  }

  info(op: number, call: Call, why: string): void {
    this.#add({ op, call, kind: 'info', atMs: Date.now(), value: why })
  }

  note(note: Exclude<Note['note'], 'clock'>, atMs = Date.now()): void {
    this.#add({ kind: 'note', atMs, note })
  }

  noteClock(aheadMs: number): void {
    this.#add({ kind: 'note', atMs: Date.now(), note: 'clock', aheadMs })
  }

  close(): void {
    this.#write()
    closeSync(this.#file)
  }

  #add(event: Event): void {
    this.count++
    if (this.#keep) this.events.push(event)
    const line = `${JSON.stringify(event)}\n`
    this.#unwritten.push(line)
    this.#unwrittenSize += line.length
    if (this.#unwrittenSize > WRITTEN_AT_ONCE) this.#write()
  }

  #write(): void {
    const bytes = Buffer.from(this.#unwritten.join(''))
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at)
    this.#unwritten = []
    this.#unwrittenSize = 0
  }
}

/** The events of a file, one after the other: memory for a line at a time, however many there are. */
export function* readHistory(path: string): Iterable<Event> {
  const file = openSync(path, 'r')
  const bytes = Buffer.allocUnsafe(READ_AT_ONCE)
  let rest: Buffer = Buffer.alloc(0)
  try {
    for (;;) {
      const size = readSync(file, bytes, 0, bytes.length, null)
      if (size === 0) return
      let from = 0
      for (let end = bytes.indexOf(10); end >= 0 && end < size; end = bytes.indexOf(10, from)) {
        const line = Buffer.concat([rest, bytes.subarray(from, end)]).toString()
        rest = Buffer.alloc(0)
        from = end + 1
        yield JSON.parse(line)
      }
      rest = Buffer.concat([rest, bytes.subarray(from, size)])
    }
  } finally {
    closeSync(file)
  }
}
