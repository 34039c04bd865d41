// Where a record is in a group, and how it came there.
//
// A record that the group's source has not finished is found there, in memory. One that it has finished left a copy, or none when
// it was accepted: so its copies are looked for (copy-search.ts), and `__groups` is asked what it remembers (group-trace.ts).
//
// A record may move while it is looked for. Who finds no copy, and sees that something moved meanwhile or is not durable yet, waits
// for that and looks again, TRIES times at most.

import type { Clock } from '../../../storage/index.ts'
import { deadLetterTopic } from '../lane.ts'
import type { GroupView } from '../look/group-view.ts'
import type { Source } from '../source/source.ts'
import { type Copy, CopySearch, type CopySearchParts, type LookBudget, type Origin } from './copy-search.ts'
import { endingOf, newestInLane } from './ending.ts'
import type { Because, GroupAccount } from './explanation.ts'
import { type Traced, type TracedPlace, traceOf } from './group-trace.ts'
import { happenedOf } from './happened.ts'
import { type Found, foundInHand, type InHand, standsIn } from './in-hand.ts'
import { waitsFor, whyDead, whyGone, whyReady, whyRemoved, whyRetrying } from './why.ts'

const TRIES = 3
/** So long is waited for what is not durable yet: as long as a slow disk takes. */
const DURABLE_MS = 2_000

export interface GroupAccountParts extends CopySearchParts {
  clock: Clock
  hand: { nowMs(): number }
}

export class GroupAccounts {
  readonly #parts: GroupAccountParts
  readonly #budget: LookBudget

  constructor(parts: GroupAccountParts, budget: LookBudget) {
    this.#parts = parts
    this.#budget = budget
  }

  /** What became of a record in a group; `gone` says why it lies in the topic no longer. Changes nothing. */
  async of(view: GroupView, origin: Origin, gone: Because | undefined): Promise<GroupAccount> {
    const source = view.group.sourceAt(origin.topic, origin.partition)
    const place = source && { sourceIndex: source.place.index, offset: origin.offset }
    for (let left = TRIES; ; left--) {
      const stands = source === undefined ? 'ahead' : standsIn(source, origin.offset)
      if (source === undefined || place === undefined || stands === 'ahead') {
        return this.#ahead(view, origin, gone)
      }
      if (stands === 'held') {
        return this.#told(view, this.#inHand(view, { source, deliveries: 0, ...origin }), [place], [])
      }
      const before = this.#motion(view, origin)
      const durable = this.#untilDurable(before.underWay, origin.partition)
      const search = new CopySearch(this.#parts, view, origin, this.#budget)
      const copy = await search.find(isOpen)
      if (copy !== undefined) return this.#told(view, this.#ofCopy(view, origin, copy), [place], search.copies)
      const isStill = before.underWay.size === 0 && this.#motion(view, origin).text === before.text
      if (isStill || !search.isWhole || left === 1) {
        return this.#leftNothing(view, search, { origin, source, isStill, isThere: gone === undefined })
      }
      await durable
    }
  }

  /** The group has not come to it. */
  #ahead(view: GroupView, origin: Origin, gone: Because | undefined): GroupAccount {
    const { name, topic } = view.group
    if (gone !== undefined) {
      const why = gone === 'retention' ? whyGone('removed') : whyRemoved(gone)
      return { group: name, state: 'removed', because: gone, why, happened: [] }
    }
    const source = view.group.sourceAt(topic, origin.partition)
    if (source !== undefined) {
      return { group: name, ...this.#inHand(view, { source, deliveries: 0, ...origin }), happened: [] }
    }
    const ahead = origin.offset - this.#parts.engine.offsets(topic, origin.partition).logStartOffset
    const ready = whyReady(view, { ahead, source })
    return { group: name, state: 'ready', ...ready, deliveryCount: 0, ahead, happened: [], next: { event: 'acquired' } }
  }

  #inHand(view: GroupView, inHand: Omit<InHand, 'logStartOffset'>): Found {
    const { engine, clock, hand } = this.#parts
    const { topic, partition } = inHand.source.place
    const { logStartOffset } = engine.offsets(topic, partition)
    return foundInHand(view, { ...inHand, logStartOffset }, clock, hand.nowMs())
  }

  async #told(
    view: GroupView,
    found: Found,
    places: readonly TracedPlace[],
    copies: readonly Copy[],
  ): Promise<GroupAccount> {
    const traced = await this.#trace(view, places, copies)
    return { group: view.group.name, ...found, happened: happenedOf(copies, traced) }
  }

  #trace(
    { group }: GroupView,
    places: readonly TracedPlace[],
    copies: readonly Copy[],
  ): Promise<(Traced & TracedPlace)[]> {
    return traceOf(group, [...places, ...copies.flatMap(placeOfCopy)], this.#parts.engine, this.#budget)
  }

  #ofCopy(view: GroupView, { hash }: Origin, copy: Copy): Found {
    const deliveryCount = copy.history?.deliveryCount
    if (copy.in === 'lane') {
      const { lane: source, offset, timestampMs, history } = copy
      return this.#inHand(view, { source, offset, timestampMs, deliveries: history.deliveryCount, hash })
    }
    if (copy.in === 'dead') {
      const why = whyDead(copy.history)
      return { state: 'dead', why, deliveryCount, next: { event: 'redrive-or-purge' } }
    }
    const { dueAtMs } = copy
    const why = whyRetrying(this.#parts.hand.nowMs(), dueAtMs, waitsFor(undefined, view.group.settings.jitter))
    const next = { event: 'due', atMs: dueAtMs } as const
    return { state: 'retrying', because: 'own-delay', why, dueAtMs, tier: 'delayed', deliveryCount, next }
  }

  /** No copy is left that the group has something to do with. */
  async #leftNothing(
    view: GroupView,
    { copies, isWhole }: CopySearch,
    left: { origin: Origin; source: Source; isStill: boolean; isThere: boolean },
  ): Promise<GroupAccount> {
    const { name: group } = view.group
    const { origin, source, isStill } = left
    const place = { sourceIndex: source.place.index, offset: origin.offset }
    const traced = await this.#trace(view, [place], copies)
    const happened = happenedOf(copies, traced)
    if (!isWhole) return { group, state: 'unknown', because: 'look-ended', why: whyGone('unfound'), happened }
    if (!isStill) return { group, state: 'unknown', because: 'settling', why: whyGone('moving'), happened }
    const ending = await endingOf(view, { ...left, copies }, this.#parts.engine)
    if (ending !== 'accepted') {
      return { group, state: ending === 'purged' ? 'purged' : 'finished', why: whyGone(ending), happened }
    }
    const last = newestInLane(copies)
    const [lastPlace] = last === undefined ? [place] : placeOfCopy(last)
    const finished = traced.findLast((at) => at.event === 'finished' && isSame(at, lastPlace))
    if (finished !== undefined) happened.push({ atMs: finished.atMs, event: 'accepted' })
    const deliveryCount = 1 + (last?.history.deliveryCount ?? 0)
    return { group, state: 'accepted', why: whyGone('accepted', finished?.atMs), deliveryCount, happened }
  }

  /** What changes when a record of the partition moves; and which topics have records that are not durable, and up to where. */
  #motion({ group }: GroupView, { partition }: Origin): { text: string; underWay: Map<string, number> } {
    const { engine } = this.#parts
    const names = new Set([deadLetterTopic(group.topic, group.name)])
    let text = ''
    for (const { place, next, inFlight, epoch } of group.sources) {
      if (place.partition !== partition) continue
      text += `${place.index}.${next}.${inFlight}.${epoch} `
      if (place.kind !== 'topic') names.add(place.topic)
    }
    const underWay = new Map<string, number>()
    for (const name of names) {
      if (partition >= (engine.topic(name)?.partitions ?? 0)) continue
      const { highWatermark, logEndOffset } = engine.offsets(name, partition)
      if (logEndOffset > highWatermark) underWay.set(name, logEndOffset)
      text += `${logEndOffset} `
    }
    return { text, underWay }
  }

  /** Resolves when what is under way can be read, or after DURABLE_MS. */
  #untilDurable(underWay: Map<string, number>, of: number): Promise<void> {
    if (underWay.size === 0) return Promise.resolve()
    const { engine, clock } = this.#parts
    const left = new Map(underWay)
    return new Promise((resolve) => {
      const done = () => {
        stop()
        timer.cancel()
        resolve()
      }
      const timer = clock.setTimer(done, DURABLE_MS)
      const stop = engine.onHighWatermark((topic, partition, highWatermark) => {
        if (partition !== of || highWatermark < (left.get(topic) ?? Number.POSITIVE_INFINITY)) return
        left.delete(topic)
        if (left.size === 0) done()
      })
    })
  }
}

/** Whether the group still has something to do with it, or has it among its dead letters. */
function isOpen(copy: Copy): boolean {
  if (copy.in === 'lane') return standsIn(copy.lane, copy.offset) !== 'finished'
  return copy.in === 'wheel' || !copy.isRemoved
}

function placeOfCopy(copy: Copy): TracedPlace[] {
  return copy.in === 'lane' ? [{ sourceIndex: copy.lane.place.index, offset: copy.offset }] : []
}

function isSame(a: TracedPlace, b: TracedPlace): boolean {
  return a.sourceIndex === b.sourceIndex && a.offset === b.offset
}
