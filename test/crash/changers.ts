// People who change their minds: they cancel delayed messages, move them, want them now, or ask what became of them; long
// before they are due, at the very millisecond, or after it; some of them two at once.

import type { State, Told } from '../checker/history.ts'
import type { CallOptions } from '../support/http-client.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { type Caller, sleep } from './caller.ts'

export interface Sent {
  topic: string
  n: number
  id: string
  dueAtMs: number
}

type Change = 'cancel' | 'reschedule' | 'dispatch' | 'look up'

/** A message is thought of again so often at the most. */
const CHANGES_MAX = 4
/** Plans of so long are carried out together. */
const BUCKET_MS = 5
/** No more are begun while so many are under way. */
const AT_ONCE_MAX = 200

export interface ChangersOptions {
  /** What is due later than this lies beyond the wheel. */
  wheelMs: number
  random: SeededRandom
  /** One of so many messages is thought of again. */
  oneOf: number
}

interface Plan {
  sent: Sent
  changes: Change[]
  left: number
}

const METHODS: Record<Change, string> = { cancel: 'DELETE', reschedule: 'PATCH', dispatch: 'POST', 'look up': 'GET' }

export class Changers {
  readonly #caller: Caller
  readonly #wheelMs: number
  readonly #random: SeededRandom
  readonly #oneOf: number
  /** By the time at which they are to be carried out, in buckets. */
  readonly #plans = new Map<number, Plan[]>()
  #moving = true
  #working = true
  /** When the last of what was moved so far is due. */
  lastDueMs = 0

  constructor(caller: Caller, { wheelMs, random, oneOf }: ChangersOptions) {
    this.#caller = caller
    this.#wheelMs = wheelMs
    this.#random = random
    this.#oneOf = oneOf
  }

  /** A message waits: perhaps somebody will have other wishes. */
  consider(sent: Sent): void {
    if (sent.n % this.#oneOf === 0) this.#plan(sent, CHANGES_MAX)
  }

  /** Nothing is moved any more, so that everything comes due. */
  stopMoving(): void {
    this.#moving = false
  }

  stop(): void {
    this.#working = false
  }

  async work(): Promise<void> {
    const underWay = new Set<Promise<void>>()
    for (let bucket = bucketOf(Date.now()); this.#working; await sleep(BUCKET_MS)) {
      await this.#caller.ready
      for (; bucket <= bucketOf(Date.now()) && underWay.size < AT_ONCE_MAX; bucket++) {
        const ripe = this.#plans.get(bucket) ?? []
        this.#plans.delete(bucket)
        for (const plan of ripe) {
          for (const change of plan.changes) {
            const changing = this.#change(change, plan).finally(() => underWay.delete(changing))
            underWay.add(changing)
          }
        }
      }
    }
    await Promise.all(underWay)
  }

  #plan(sent: Sent, left: number): void {
    const random = this.#random
    const one = () => random.weighted<Change>({ cancel: 3, reschedule: 4, dispatch: 2, 'look up': 3 })
    const waitMs = Math.max(0, sent.dueAtMs - Date.now())
    // At the very moment, or anywhere between now and a little later.
    const atMs = random.chance(0.4) ? waitMs + random.between(-6, 3) : waitMs * (random.between(0, 115) / 100)
    const changes = random.chance(0.25) ? [one(), one()] : [one()]
    // Never in a bucket that may have been carried out already.
    const bucket = bucketOf(Date.now() + Math.max(BUCKET_MS, atMs))
    const plans = this.#plans.get(bucket) ?? []
    this.#plans.set(bucket, plans)
    plans.push({ sent, changes, left })
  }

  async #change(change: Change, { sent, left }: Plan): Promise<void> {
    const told = await this.#ask(change, sent)
    // Who gets no answer asks again, as a client would: doing it twice is the same as once.
    if (left <= 0 || (told !== undefined && told.state !== 'pending')) return
    if (told === undefined || this.#random.chance(0.6)) {
      this.#plan({ ...sent, dueAtMs: told?.dueAtMs ?? sent.dueAtMs }, left - 1)
    }
  }

  async #ask(change: Change, { topic, id, n }: Sent): Promise<Told | undefined> {
    const { history } = this.#caller
    const path = `/v1/topics/${topic}/delayed/${encodeURIComponent(id)}${change === 'dispatch' ? '/dispatch' : ''}`
    if (change === 'reschedule' && !this.#moving) change = 'look up'
    const to = this.#someTime()
    const op =
      change === 'reschedule'
        ? history.invoke(change, { topic, id, n, toMs: to.toMs, byTime: to.byTime })
        : history.invoke(change, { topic, id, n })
    const options: CallOptions = change === 'reschedule' ? { body: to.body } : {}
    const answer = await this.#caller.call(op, change, METHODS[change], path, options, [404, 409])
    if (answer === undefined) return undefined
    const { state, dueAtMs, partition, offset } = answer.json as Partial<Told>
    const told = { state: answer.status === 404 ? 'unknown' : (state as State), dueAtMs, partition, offset }
    history.ok(op, change, told)
    if (dueAtMs !== undefined) this.lastDueMs = Math.max(this.lastDueMs, dueAtMs)
    return told
  }

  /** A time to move a message to, and how it is asked for. */
  #someTime(): { toMs: number; byTime: boolean; body: object } {
    const random = this.#random
    const delayMs = {
      past: random.between(-2_000, 0),
      soon: random.between(1, 12),
      seconds: random.between(12, 4_000),
      far: this.#wheelMs + random.between(500, 8_000),
    }[random.weighted({ past: 1, soon: 3, seconds: 6, far: 2 })]
    const toMs = Date.now() + delayMs
    this.lastDueMs = Math.max(this.lastDueMs, toMs)
    const byTime = delayMs < 0 || random.chance(0.5)
    return { toMs, byTime, body: byTime ? { deliverAt: toMs } : { delay: delayMs } }
  }
}

function bucketOf(timeMs: number): number {
  return Math.floor(timeMs / BUCKET_MS)
}
