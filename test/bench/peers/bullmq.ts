// BullMQ on a Redis with an append-only file: delayed jobs, one queue, one worker with a concurrency. `always` syncs
// before the answer, once for all commands that came together; `everysec` once a second, after it.
//
// Its package is not among those of the repository: `npm ci --prefix test/bench/peers` brings it. A job is due at its own
// timestamp plus its delay, in milliseconds. Jobs are removed when completed, as Dwell's are finished when accepted.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { numberOf, textOf } from '../numbered.ts'
import { wallMs } from '../wall-clock.ts'
import type { Due, Peer, PeerClient, Planned, Taking } from './peer.ts'
import { isInstalled, startPeer } from './peer-process.ts'

const QUEUE = 'orders'
/** Jobs that are processed at once, for each consumer that is asked for. */
const CONCURRENCY_PER_CONSUMER = 32

/** As much of BullMQ as is used here. */
interface BullMq {
  Queue: new (
    name: string,
    options: { connection: Connection },
  ) => {
    addBulk(jobs: { name: string; data: string; opts: JobOptions }[]): Promise<unknown>
  }
  Worker: new (
    name: string,
    process: (job: { data: string }) => Promise<void>,
    options: { connection: Connection; concurrency: number },
  ) => {
    on(event: 'completed' | 'failed' | 'error', listener: (about: unknown) => void): void
    close(force: boolean): Promise<void>
  }
}
interface Connection {
  host: string
  port: number
  maxRetriesPerRequest: null
}
interface JobOptions {
  timestamp: number
  delay: number
  removeOnComplete: boolean
}

export function bullMq(appendFsync: 'always' | 'everysec'): Peer {
  return {
    name: `BullMQ, appendfsync ${appendFsync}`,
    answered: appendFsync === 'always' ? 'synced' : 'written, synced within 1 s',
    missing: () => {
      if (!isInstalled('redis-server')) return 'not installed: apt-get install redis-server'
      return library() === undefined ? 'not installed: npm ci --prefix test/bench/peers' : undefined
    },
    start: () =>
      startPeer('redis-server', (port, directory) => {
        const place = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', directory]
        return [...place, '--appendonly', 'yes', '--appendfsync', appendFsync, '--save', '']
      }),
    connect: (port) => new BullMqClient(port),
  }
}

function library(): BullMq | undefined {
  try {
    return createRequire(join(import.meta.dirname, 'package.json'))('bullmq') as BullMq
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

class BullMqClient implements PeerClient {
  readonly #library = library() as BullMq
  readonly #connection: Connection
  #queue: InstanceType<BullMq['Queue']> | undefined

  constructor(port: number) {
    this.#connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
  }

  async publish(messages: readonly Planned[], size: number): Promise<Due[]> {
    this.#queue ??= new this.#library.Queue(QUEUE, { connection: this.#connection })
    const timestamp = Date.now()
    const dues: Due[] = []
    const jobs = messages.map(({ n, dueAtMs }) => {
      const delay = dueAtMs === undefined ? 0 : Math.max(1, dueAtMs - timestamp)
      dues.push({ dueAtMs: timestamp + delay, notBeforeMs: timestamp + delay })
      return { name: QUEUE, data: textOf(n, size), opts: { timestamp, delay, removeOnComplete: true } }
    })
    await this.#queue.addBulk(jobs)
    return dues
  }

  consume({ consumers, single = false, onTaken, onFinished }: Taking): () => Promise<void> {
    const process = async ({ data }: { data: string }) => onTaken(numberOf(data), wallMs())
    const concurrency = single ? consumers : consumers * CONCURRENCY_PER_CONSUMER
    const options = { connection: this.#connection, concurrency }
    const worker = new this.#library.Worker(QUEUE, process, options)
    worker.on('completed', () => onFinished(1))
    for (const event of ['failed', 'error'] as const) {
      worker.on(event, (about) => console.error(`BullMQ's worker says: ${about}`))
    }
    return () => worker.close(true)
  }
}
