// What clients did and were told, as one list of events. `invoke` is written before a request leaves, then one of:
// `ok` (answered with success), `fail` (refused: nothing happened), `info` (no answer, or a 5xx: it may have happened).
// Times are the harness's wall clock, which is the server's too: both run on one machine.

import { createWriteStream, type WriteStream } from 'node:fs'

export interface PublishedMessage {
  n: number
  /** It must not be in its target before this. For a delayed message: the time asked for. */
  notBeforeMs: number
  delayed: boolean
  id?: string
  key?: string
}

export interface PublishInvoke {
  topic: string
  messages: PublishedMessage[]
  /** Set when the messages stand or fall together. */
  batch?: number
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

interface Calls {
  publish: { invoke: PublishInvoke; ok: { results: PublishResult[] } }
  cancel: { invoke: { topic: string; id: string; n: number }; ok: { state: 'cancelled' | 'dispatched' | 'unknown' } }
  acquire: { invoke: { topic: string; group: string }; ok: { records: DeliveredRecord[] } }
  acknowledge: { invoke: AcknowledgeInvoke; ok: { results: AcknowledgeResult[] } }
  alter: { invoke: AlterInvoke; ok: { done: boolean } }
}

export type Call = keyof Calls

export type Event = {
  [C in Call]:
    | { op: number; call: C; kind: 'invoke'; atMs: number; value: Calls[C]['invoke'] }
    | { op: number; call: C; kind: 'ok'; atMs: number; value: Calls[C]['ok'] }
    | { op: number; call: C; kind: 'fail' | 'info'; atMs: number; value: string }
}[Call]

/** What the logs and lists say when everything has come to rest. */
export interface FinalState {
  /** By topic: every record of every partition, in the order of the log. Lanes and dead-letter topics too. */
  topics: Record<string, FinalRecord[]>
  /** By topic: what is said of it. */
  described: Record<string, FinalTopic>
  groups: FinalGroup[]
  /** What the metrics say waits. */
  pending: number
  /** What GET says of delayed messages; `unknown` for a 404. */
  delayed: { topic: string; id: string; n: number; state: string; partition?: number; offset?: number }[]
}

export interface FinalTopic {
  cleanup: string
  retentionBytes: number | null
  partitions: { logStartOffset: number; highWatermark: number; sizeBytes: number }[]
}

export interface FinalRecord {
  partition: number
  offset: number
  timestampMs: number
  n: number
  key?: string
}

export interface FinalGroup {
  topic: string
  group: string
  lag: number
  inFlight: number
  /** The dead-letter list. */
  dead: { n: number; cause: string; attempts: number; partition: number; offset: number }[]
}

/** Collects events in memory and writes each as a line of JSON beside. */
export class History {
  readonly events: Event[] = []
  readonly #stream: WriteStream
  #nextOp = 1

  constructor(path: string) {
    this.#stream = createWriteStream(path)
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

  async close(): Promise<void> {
    await new Promise((resolve) => this.#stream.end(resolve))
  }

  #add(event: Event): void {
    this.events.push(event)
    this.#stream.write(`${JSON.stringify(event)}\n`)
  }
}
