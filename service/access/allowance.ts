// How much one caller may ask of the service, whatever others do: requests and bytes a second, connections, calls that wait,
// topics. What he has spent lives as long as the process, also over a change of the file of tokens.

import { type Clock, DwellError } from '../../storage/index.ts'
import { TokenBucket } from '../quotas/token-bucket.ts'

/** 0 is any number. */
export interface Limits {
  requestsPerSecond: number
  bytesPerSecond: number
  connections: number
  /** Calls of acquire that wait. */
  waiting: number
  /** Topics among those that he sees, beyond which he creates none. */
  topics: number
  /** Delayed messages that wait for the topics that he sees, beyond which he publishes none with a delay. */
  pending: number
  /** And the bytes that they take. */
  pendingBytes: number
}

export const LIMIT_NAMES = [
  'requestsPerSecond',
  'bytesPerSecond',
  'connections',
  'waiting',
  'topics',
  'pending',
  'pendingBytes',
] as const satisfies readonly (keyof Limits)[]

export class Allowance {
  readonly limits: Limits
  readonly #requests: TokenBucket | undefined
  readonly #bytes: TokenBucket | undefined
  #connections = 0
  #waiting = 0

  constructor(clock: Pick<Clock, 'monotonicMs'>, limits: Limits) {
    const bucketOf = (perSecond: number) =>
      perSecond === 0 ? undefined : new TokenBucket(clock, perSecond, Math.max(1, perSecond))
    this.limits = limits
    this.#requests = bucketOf(limits.requestsPerSecond)
    this.#bytes = bucketOf(limits.bytesPerSecond)
  }

  /** True while nothing of it is held: then it can be made anew without anybody noticing, but for its rates. */
  get isIdle(): boolean {
    return this.#connections === 0 && this.#waiting === 0
  }

  /**
   * Takes a request into account.
   * @throws TOO_MANY_REQUESTS
   */
  admitRequest(): void {
    const { requestsPerSecond, bytesPerSecond } = this.limits
    const requestWaitMs = this.#requests?.waitMs ?? 0
    if (requestWaitMs > 0) throw tooFast(`${requestsPerSecond} requests`, requestsPerSecond, requestWaitMs)
    const byteWaitMs = this.#bytes?.waitMs ?? 0
    if (byteWaitMs > 0) throw tooFast(`${bytesPerSecond} bytes`, bytesPerSecond, byteWaitMs)
    this.#requests?.spend(1)
  }

  /** A body has arrived. It is not refused any more; what it was too much is paid by waiting. */
  spendBytes(size: number): void {
    this.#bytes?.spend(size)
  }

  /**
   * Answers what is to be called when the connection is closed.
   * @throws TOO_MANY_CONNECTIONS
   */
  takeConnection(): () => void {
    const { connections } = this.limits
    if (connections > 0 && this.#connections >= connections) {
      const sentence = `The token has ${connections} connections open, which is the most.`
      throw new DwellError('TOO_MANY_CONNECTIONS', sentence, { limit: connections, retryAfterSeconds: 1 })
    }
    this.#connections++
    return () => void this.#connections--
  }

  /**
   * Answers what is to be called when the call waits no more.
   * @throws TOO_MANY_WAITING
   */
  takeWaiting(): () => void {
    const { waiting } = this.limits
    if (waiting > 0 && this.#waiting >= waiting) {
      const sentence = `The token has ${waiting} calls of acquire waiting, which is the most.`
      throw new DwellError('TOO_MANY_WAITING', sentence, { limit: waiting, retryAfterSeconds: 1 })
    }
    this.#waiting++
    return () => void this.#waiting--
  }
}

function tooFast(what: string, limit: number, waitMs: number): DwellError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000))
  const sentence = `The token may send ${what} a second; try again in ${retryAfterSeconds} s.`
  return new DwellError('TOO_MANY_REQUESTS', sentence, { limit, retryAfterSeconds })
}
