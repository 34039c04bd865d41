// Explain: where a message is, what happened to it, what comes next, and why not yet.
//
// Always true:
//   1. Looking changes nothing.
//   2. A look is bounded, whatever waits: it reads at most LOOK_BYTES_MAX of lanes, dead letters and `__groups`, LIST_PAGES_MAX pages of
//      the wheel (copy-search.ts), and tells of GROUPS_MAX groups. What is beyond that is told as not found, never as not there.
//   3. LOOKS_MAX looks are under way at a time; others wait for their turn.

import { type Clock, DwellError, decodeRecordBody, type LogEngine, readPage, Turns } from '../../../storage/index.ts'
import { DELAY_TOPIC, parseMessageId } from '../../../timewheel/index.ts'
import type { Delayed, DelayedMessages } from '../../publish/delayed.ts'
import { ID_HEADER } from '../../publish/message.ts'
import type { Topics } from '../../topics.ts'
import { hashOfKey } from '../keys/key-turns.ts'
import type { GroupView } from '../look/group-view.ts'
import { lookBudget, type Origin } from './copy-search.ts'
import type { Because, Explanation, GroupAccount, Happened } from './explanation.ts'
import { type GroupAccountParts, GroupAccounts } from './group-account.ts'
import { whyLogged, whyPending, whyRemoved, whyUnknown } from './why.ts'

export const GROUPS_MAX = 20
const LOOKS_MAX = 4
/** What became of a record that was to be read, by the error. */
const GONE_BY_CODE: Partial<Record<string, Because>> = {
  OFFSET_OUT_OF_RANGE: 'retention',
  BATCH_DAMAGED: 'damage',
  RECORD_DAMAGED: 'damage',
}

export type AskedMessage = { id: string } | { partition: number; offset: number }

export interface ExplainerParts extends Omit<GroupAccountParts, 'hand'> {
  engine: LogEngine
  clock: Clock
  topics: Pick<Topics, 'describe'>
  delayed: Pick<DelayedMessages, 'find'>
  groups: {
    list(topic: string): { group: string }[]
    view(topic: string, group: string): Promise<GroupView>
  }
  /** Its time, and why it does not follow the wall clock, if so. */
  hand: { nowMs(): number; why(): string | undefined }
  /** How long ids are remembered after their message. */
  rememberMs: number
}

/** The record at a place of a topic; without a body when it is no longer there. */
interface Found {
  id: string | undefined
  timestampMs: number
  hash: number
  /** Why it is not there. */
  gone: Because | undefined
}

export class Explainer {
  readonly #parts: ExplainerParts
  readonly #turns = new Turns(LOOKS_MAX)

  constructor(parts: ExplainerParts) {
    this.#parts = parts
  }

  /**
   * What there is to say of a message of `topic`; of what `group` did with it, or all of its groups.
   * @throws TOPIC_NOT_FOUND, GROUP_NOT_FOUND, PARTITION_NOT_FOUND, OFFSET_OUT_OF_RANGE at or above the high watermark
   */
  explain(topic: string, asked: AskedMessage, group?: string): Promise<Explanation> {
    return this.#turns.run(() => this.#look(topic, asked, group))
  }

  async #look(topic: string, asked: AskedMessage, group: string | undefined): Promise<Explanation> {
    const { topics, groups, delayed } = this.#parts
    topics.describe(topic)
    const view = group === undefined ? undefined : await groups.view(topic, group)
    if (!('id' in asked)) return this.#atPlace(topic, asked, view, undefined)
    const known = await delayed.find(topic, asked.id)
    if (known === undefined) {
      const why = whyUnknown(this.#parts.rememberMs)
      return { topic, id: asked.id, group, state: 'unknown', why, happened: [] }
    }
    const { partition, offset } = known
    if (known.state === 'dispatched' && partition !== undefined && offset !== undefined) {
      return this.#atPlace(topic, { partition, offset }, view, known)
    }
    return { topic, id: asked.id, group, ...(await this.#waiting(known)) }
  }

  /** A message that is not in the log: it waits in the wheel, or was cancelled there. */
  async #waiting(known: Delayed): Promise<Omit<Explanation, 'topic'>> {
    const { hand } = this.#parts
    const { dueAtMs = 0, sinceMs } = known
    const happened = await this.#scheduled(known.delayOffset)
    if (known.state === 'cancelled') {
      if (sinceMs !== undefined) happened.push({ atMs: sinceMs, event: 'cancelled' })
      return { state: 'cancelled', why: 'It was cancelled before it was due, and will not come.', dueAtMs, happened }
    }
    const next = { event: 'dispatched', atMs: dueAtMs } as const
    return { state: 'pending', ...whyPending(hand.nowMs(), dueAtMs, hand.why()), dueAtMs, happened, next }
  }

  async #atPlace(
    topic: string,
    { partition, offset }: { partition: number; offset: number },
    view: GroupView | undefined,
    known: Delayed | undefined,
  ): Promise<Explanation> {
    const found = await this.#find(topic, partition, offset)
    const id = known?.id ?? found.id
    const place = { topic, id, partition, offset }
    const happened = await this.#cameIn(topic, place, found, known)
    const origin: Origin = { topic, partition, offset, timestampMs: found.timestampMs, hash: found.hash }
    const accounts = new GroupAccounts(this.#parts, lookBudget())
    if (view !== undefined) {
      const account = await accounts.of(view, origin, found.gone)
      return { ...place, ...account, happened: inOrder([...happened, ...account.happened]) }
    }
    const all = this.#parts.groups.list(topic)
    const groups: GroupAccount[] = []
    for (const { group } of all.slice(0, GROUPS_MAX)) {
      const account = await this.#accountOf(accounts, topic, group, origin, found.gone)
      if (account !== undefined) groups.push(account)
    }
    const groupsOmitted = all.length > GROUPS_MAX ? all.length - GROUPS_MAX : undefined
    const { gone } = found
    if (gone !== undefined) {
      return { ...place, state: 'removed', because: gone, why: whyRemoved(gone), happened, groups, groupsOmitted }
    }
    return { ...place, state: 'logged', why: whyLogged(partition, offset, all.length), happened, groups, groupsOmitted }
  }

  /** undefined for a group that was forgotten meanwhile. */
  async #accountOf(
    accounts: GroupAccounts,
    topic: string,
    group: string,
    origin: Origin,
    gone: Because | undefined,
  ): Promise<GroupAccount | undefined> {
    try {
      return await accounts.of(await this.#parts.groups.view(topic, group), origin, gone)
    } catch (error) {
      if (error instanceof DwellError && error.code === 'GROUP_NOT_FOUND') return undefined
      throw error
    }
  }

  async #find(topic: string, partition: number, offset: number): Promise<Found> {
    const { engine, topics } = this.#parts
    const { partitions, cleanup } = topics.describe(topic)
    if (partition >= partitions) {
      const sentence = `The topic ${topic} has ${partitions} partitions; there is no partition ${partition}.`
      throw new DwellError('PARTITION_NOT_FOUND', sentence, { field: 'partition', limit: partitions - 1 })
    }
    const { logStartOffset, highWatermark } = engine.offsets(topic, partition)
    if (offset >= highWatermark) {
      const sentence = `Offset ${offset} was not written yet: partition ${partition} ends before ${highWatermark}.`
      throw new DwellError('OFFSET_OUT_OF_RANGE', sentence, { field: 'offset', logStartOffset, highWatermark })
    }
    const nothing = { id: undefined, timestampMs: 0, hash: 0 }
    if (offset < logStartOffset) return { ...nothing, gone: 'retention' }
    try {
      const { records } = readPage(await engine.read(topic, partition, offset, 1), offset)
      const [record] = records
      if (record?.offset !== offset) return { ...nothing, gone: cleanup === 'compact' ? 'compaction' : 'damage' }
      const { key, headers } = decodeRecordBody(record.body)
      const last = headers.at(-1)
      const id = last?.[0] === ID_HEADER ? last[1]?.toString() : undefined
      return { id, timestampMs: record.timestampMs, hash: hashOfKey(key), gone: undefined }
    } catch (error) {
      const gone = error instanceof DwellError ? GONE_BY_CODE[error.code] : undefined
      if (gone === undefined) throw error
      return { ...nothing, gone }
    }
  }

  /** How the record came into the log. */
  async #cameIn(
    topic: string,
    { id, partition, offset }: { id: string | undefined; partition: number; offset: number },
    found: Found,
    known: Delayed | undefined,
  ): Promise<Happened[]> {
    const { timestampMs: atMs, gone } = found
    const remembered = known ?? (id === undefined ? undefined : await this.#parts.delayed.find(topic, id))
    const isOfIt = remembered?.partition === partition && remembered.offset === offset
    const delayOffset = (isOfIt ? remembered.delayOffset : undefined) ?? (id && parseMessageId(id)?.offset)
    const isKnown = isOfIt && remembered.sinceMs !== undefined
    if (gone !== undefined && !isKnown) return []
    const cameAtMs = gone === undefined ? atMs : (remembered?.sinceMs ?? 0)
    if (typeof delayOffset === 'number') {
      return [...(await this.#scheduled(delayOffset)), { atMs: cameAtMs, event: 'dispatched' }]
    }
    return [{ atMs: cameAtMs, event: isOfIt || id === undefined ? 'published' : 'logged' }]
  }

  /** When a delayed message was published, or last moved: while `__delay` still has it. */
  async #scheduled(delayOffset: number | undefined): Promise<Happened[]> {
    if (delayOffset === undefined) return []
    try {
      const bytes = await this.#parts.engine.read(DELAY_TOPIC, 0, delayOffset, 1)
      const [record] = readPage(bytes, delayOffset).records
      return record?.offset === delayOffset ? [{ atMs: record.timestampMs, event: 'scheduled' }] : []
    } catch (error) {
      if (error instanceof DwellError && GONE_BY_CODE[error.code] !== undefined) return []
      throw error
    }
  }
}

function inOrder(happened: Happened[]): Happened[] {
  return happened.sort((a, b) => a.atMs - b.atMs)
}
