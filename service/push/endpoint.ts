// One group's endpoint at work: takes records of the group as any consumer does, pushes them, and acknowledges by the answers.
//
// Always true:
//   1. At most `concurrency` pushes are under way. Records are taken when they can be pushed at once; of a fast endpoint, as
//      many ahead as it does while the next are on their way (a durable acquire takes longer than a push).
//   2. While the endpoint is paused, a push that fails is no try of its record, unless the answer blames the request: the
//      record is kept in hand, and a probe sends it; so is the one that brought the pause about. When the endpoint works
//      again, what is kept goes first.
//   3. A push whose lock is lost all the same (a suspended machine) is a release; its answer is too late.
//   4. Once nothing is under way after a stop, nothing wakes it: no timer, and no room that others make.
//   5. Nothing is shared with other endpoints but two bounds, of which each has a part of its own (shared-bound.ts).
//
// After a crash, or a stop: what was in hand is so again, before anything new is taken, and no try is counted for it. What was being
// pushed is pushed again, with the same id and the same count: the end of the service is no failure of the endpoint.

import type { Clock, Log, Timer } from '../../storage/index.ts'
import type { GroupSettings, Groups, PushSettings } from '../delivery/index.ts'
import { TokenBucket } from '../quotas/token-bucket.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { InHand, type Push } from './in-hand.ts'
import type { Share, SharedBound } from './shared-bound.ts'
import { Standing, type StandingParts } from './standing.ts'
import { Target, type TargetParts } from './target.ts'
import type { Verdict } from './verdict.ts'

/** How long a call of acquire waits; ended early when settings change. */
const WAIT_MS = 5 * 60_000
/** After the group could not be read. */
const RETRY_MS = 1_000
/** Shorter locks could not be renewed in time. */
const LOCK_MS_MIN = 5_000
/** What one call of acquire may bring; one record may be larger. */
const TAKE_BYTES = 1024 * 1024
/** Records taken ahead, for each push that may be under way. */
const AHEAD_MAX = 8

export interface EndpointParts extends TargetParts, StandingParts {
  groups: Groups
  clock: Clock
  log: Log
  /** What all endpoints share: sockets in use, and bytes in hand. */
  sockets: SharedBound
  bytes: SharedBound
}

export class Endpoint {
  readonly #place: { topic: string; group: string }
  readonly #parts: EndpointParts
  readonly #acknowledgements: Acknowledgements
  readonly #target: Target
  readonly #standing: Standing
  readonly #sockets: Share
  readonly #bytes: Share
  readonly #hand: InHand
  readonly #underWay = new Set<Promise<void>>()
  #settings: GroupSettings
  #push: PushSettings
  #bucket: TokenBucket | undefined
  /** So many records are taken ahead. */
  #ahead = 0
  #ended = 0
  #stopped = false
  /** Stopped, and nothing is under way. */
  #isDone = false
  #isCut = false
  #waiting: AbortController | undefined
  #wake = () => {}
  #timer: Timer | undefined
  readonly #running: Promise<void>

  constructor(
    place: { topic: string; group: string },
    settings: GroupSettings,
    push: PushSettings,
    parts: EndpointParts,
  ) {
    this.#place = place
    this.#parts = parts
    this.#settings = settings
    this.#push = push
    this.#acknowledgements = new Acknowledgements(parts.groups, place, parts.log, (receipts) => {
      this.#hand.lose(receipts)
      this.#goOn()
    })
    this.#standing = new Standing(place, push, parts)
    this.#sockets = parts.sockets.join(() => this.#goOn())
    this.#bytes = parts.bytes.join(() => this.#goOn())
    this.#hand = new InHand({
      clock: parts.clock,
      bytes: this.#bytes,
      lockMs: () => this.#lockMs,
      renew: (receipt, lockMs) => this.#acknowledgements.add({ receipt, type: 'renew', lockMs }),
    })
    this.#target = new Target(place.group, push, parts)
    this.#bucket = bucketOf(push, parts.clock)
    this.#hand.takeOver(parts.groups.takeOver(place.topic, place.group))
    this.#running = this.#run()
  }

  get isPaused(): boolean {
    return this.#standing.isPaused
  }

  /** The group's settings changed. What is under way ends as it began. */
  update(settings: GroupSettings, push: PushSettings): void {
    const before = this.#push
    this.#settings = settings
    this.#push = push
    this.#target.update(push)
    this.#standing.update(push)
    if (push.paused) this.#ahead = 0
    if (push.rate !== before.rate) this.#bucket = bucketOf(push, this.#parts.clock)
    this.#waiting?.abort()
    this.#goOn()
  }

  /** Something changed: pushes what may be, and lets more be taken. */
  #goOn(): void {
    if (this.#isDone) return
    this.#pushKept()
    this.#wake()
  }

  /** Takes records as long as there is use for them. */
  async #run(): Promise<void> {
    while (!this.#stopped) {
      const changed = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#pushKept()
      if (!(await this.#take())) await changed
    }
    // Taken in the moment of the stop of this endpoint alone, they would count as tries when their locks run out.
    this.#pushKept()
  }

  /** How many pushes may begin now. Where time alone changes that, a timer looks again. */
  #room(): number {
    if (this.#settings.paused) return 0
    if (this.isPaused) {
      const { probeInMs } = this.#standing
      if (probeInMs > 0 && probeInMs < Number.POSITIVE_INFINITY) this.#lookAgain(probeInMs)
      return probeInMs > 0 ? 0 : 1
    }
    const wanted = Math.max(0, this.#push.concurrency - this.#underWay.size)
    if (this.#bucket === undefined || wanted === 0) return wanted
    const { available } = this.#bucket
    if (available === 0) this.#lookAgain(this.#bucket.waitMs)
    return Math.min(wanted, available)
  }

  #lookAgain(inMs: number): void {
    if (this.#isDone) return
    this.#timer?.cancel()
    this.#timer = this.#parts.clock.setTimer(() => this.#goOn(), inMs)
  }

  /** Pushes of what is kept as much as may be. */
  #pushKept(): void {
    if (this.#hand.keptCount === 0) return
    const count = this.#sockets.take(Math.min(this.#room(), this.#hand.keptCount))
    for (const push of this.#hand.next(count)) this.#begin(push)
  }

  /** Takes records of the group; false when that must wait for something to change. */
  async #take(): Promise<boolean> {
    const room = this.#room()
    const isFree = !this.#settings.paused && !this.isPaused && this.#bucket === undefined
    const max = (room > 0 ? this.#sockets.offer(room) : 0) + (isFree ? this.#ahead : 0) - this.#hand.keptCount
    // With nothing in hand one record may come, whatever the others hold.
    if (max <= 0 || (this.#hand.count > 0 && this.#bytes.offer(1) === 0)) return false
    const grant = this.#bytes.take(TAKE_BYTES)
    const ended = this.#ended
    const count = grant === 0 ? 1 : max
    const isOfBefore = this.#hand.unreadCount > 0
    const coming = isOfBefore ? this.#readAgain(count, grant) : this.#acquire(count, grant, 0)
    try {
      const came = await coming.finally(() => this.#bytes.give(grant))
      this.#ahead = Math.min(2 * (this.#ended - ended), AHEAD_MAX * this.#push.concurrency)
      // Who waits holds nothing of what is shared, and so waits for one record only.
      if (!came) await this.#acquire(1, 0, WAIT_MS)
      return true
    } catch (err) {
      if (!this.#stopped) this.#parts.log.error({ ...this.#place, err }, 'Records to be pushed cannot be acquired.')
      this.#lookAgain(RETRY_MS)
      return false
    }
  }

  /** Of what was in hand when the service ended; true, for there was something. */
  async #readAgain(max: number, bytesMax: number): Promise<boolean> {
    const { topic, group } = this.#place
    await this.#hand.read(max, (receipts) => this.#parts.groups.readAgain(topic, group, receipts, bytesMax))
    return true
  }

  /** Whether anything came. */
  async #acquire(max: number, bytesMax: number, waitMs: number): Promise<boolean> {
    if (this.#stopped || this.#settings.paused) return false
    this.#waiting = new AbortController()
    const { signal } = this.#waiting
    const lockMs = this.#lockMs
    const options = { max, bytesMax: Math.max(1, bytesMax), waitMs, lockMs, apart: true, signal }
    const { topic, group } = this.#place
    const deliveries = await this.#parts.groups.acquire(topic, group, options)
    this.#hand.add(deliveries, lockMs)
    return deliveries.length > 0
  }

  get #lockMs(): number {
    return Math.max(this.#settings.lockMs, LOCK_MS_MIN)
  }

  /** Its socket is taken already. */
  #begin(push: Push): void {
    this.#bucket?.spend(1)
    this.#standing.sent(push)
    const ending = this.#target.push(push.delivery).then((verdict) => {
      this.#underWay.delete(ending)
      this.#sockets.give(1)
      this.#ended++
      if (!this.#isCut) this.#settle(push, verdict)
      this.#goOn()
    })
    this.#underWay.add(ending)
  }

  #settle(push: Push, verdict: Verdict): void {
    const { reason, outcome, delayMs } = verdict
    if (this.#standing.ended(push, verdict)) {
      this.#hand.keep(push)
      return
    }
    this.#hand.letGo(push)
    const { receipt } = push.delivery
    if (outcome === 'accept') this.#acknowledgements.add({ receipt, type: 'accept' })
    else if (outcome === 'reject') this.#acknowledgements.add({ receipt, type: 'reject', reason })
    else this.#acknowledgements.add({ receipt, type: 'release', reason, delayMs })
  }

  /** Takes nothing more; resolves when what is under way has ended and is acknowledged. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#waiting?.abort()
    this.#wake()
    await this.#running
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    this.#isDone = true
    this.#timer?.cancel()
    this.#hand.close()
    await this.#acknowledgements.settled()
    this.#parts.sockets.leave(this.#sockets)
    this.#parts.bytes.leave(this.#bytes)
    await this.#target.close()
  }

  /** Ends what is under way without an answer. */
  cut(): void {
    this.#isCut = true
    this.#target.cut()
  }
}

function bucketOf({ rate }: PushSettings, clock: Clock): TokenBucket | undefined {
  return rate === undefined ? undefined : new TokenBucket(clock, rate)
}
