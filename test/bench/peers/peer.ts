// What the bench measures beside Dwell, and how its load reaches it. A peer is used as its documentation says and at its
// best; where a choice had to be made it is in the peer's favour, and stands in that peer's file.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Peer {
  name: string
  /** What has become of a message when its publisher is answered. */
  answered: string
  /** Why it cannot be measured on this machine; undefined when it can. */
  missing(): string | undefined
  /** Starts its server in a process of its own, on an empty folder. */
  start(): Promise<PeerServer>
  /** In a load process. `topic`: another one than usual; of Dwell only. */
  connect(port: number, topic?: string): PeerClient
}

export interface PeerServer {
  pid: number
  port: number
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

/** A message to be published: its number, and when it is to be due; at once when absent. */
export interface Planned {
  n: number
  dueAtMs?: number
}

/** When a published message is due by the peer's own reckoning. */
export interface Due {
  /** What its lateness is counted from. */
  dueAtMs: number
  /** Before this it would be early. */
  notBeforeMs: number
}

export interface Taking {
  /** How many take at once. */
  consumers: number
  /** Each has one message in its hands at a time; else each takes them in the way that is quickest for it. */
  single?: boolean
  /** Message `n` is in the consumer's hands since `atMs`. */
  onTaken(n: number, atMs: number): void
  /** So many messages are finished: accepted, deleted, completed; they will not come again. */
  onFinished(count: number): void
}

export interface PeerClient {
  /** Publishes messages of `size` bytes together; resolves when they are answered. */
  publish(messages: readonly Planned[], size: number): Promise<Due[]>
  /** Takes messages as they come and finishes each; answers what stops it. */
  consume(taking: Taking): () => Promise<void>
}

/** A folder for the data of one server, below DWELL_BENCH_DIR or the system's temporary one. */
export class Scratch {
  readonly path = mkdtempSync(join(process.env.DWELL_BENCH_DIR ?? tmpdir(), 'dwell-bench-'))

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
