// What a log and a wheel must be like, as small as it can be said: what was asked of them, what they answered, and what
// was seen. It shares no code with either.
//
// Always true of a log and a wheel that keep their promises (numbers as in the list of anomalies):
//   1. What was answered with success is there, at the place that was answered, as long as its topic and its log start
//      allow; a delayed message is in its topic once it is due, unless it was cancelled.
//   2. No message is at two places.               3. None is dispatched before the hand can stand at its due time.
//   5. Nothing is there that nobody published.    6. What was seen at a place stays at that place.
//   7. High watermarks never move back, nor does the log start before what was answered.
//   9. Of the messages published together all are there or none.
//  15. What was said to be cancelled is never dispatched. 16. What was said to be dispatched is.
//  17. All answers about one message fit one order of what was asked.
//  21. Nothing is answered with success after the log has failed.

import type { TopicSettings } from '../../storage/index.ts'
import type { Told } from '../checker/history.ts'
import type { RegisterOp } from '../checker/register.ts'
import { MessageHistory } from './message-history.ts'

export interface Message {
  n: number
  topic: string
  topicId: number
  /** Undefined when it is chosen at dispatch. */
  partition: number | undefined
  /** As it was published; undefined when it is not delayed. */
  dueAtMs: number | undefined
  ownId: string | undefined
  key: string | undefined
  /** Its record has no value. */
  tombstone: boolean
  /** In its partition, or in `__delay`: known when it is asked for, since offsets are given out in order. */
  offset: number
  publication: Publication
  /** What was asked of it while it waited, or later; undefined when nothing was. */
  asked: MessageHistory | undefined
  seen: { partition: number; offset: number; timestampMs: number } | undefined
}

/** A message before it is published. */
export type MessageDraft = Omit<Message, 'n' | 'publication' | 'asked' | 'seen'>

/** Messages that were published in one append. */
export interface Publication {
  messages: Message[]
  /** `absent`: it was in doubt and is known not to have happened. */
  state: 'under way' | 'ok' | 'doubt' | 'refused' | 'absent'
}

export interface PartitionModel {
  /** What was answered to deleteRecords(): the log starts there or later. */
  startMin: number
  /** Where the log was seen to start. Retention moves it, and a crash may take that back. */
  startSeen: number
  /** Everything below was readable once. */
  highWatermark: number
  records: Map<number, { n: number; timestampMs: number }>
  /** The last record that was seen of each key. */
  last: Map<string, { n: number; offset: number }>
  /** Some records were gone before anybody looked. */
  unseenGone: boolean
}

export interface TopicModel {
  id: number
  name: string
  /** The last settings that were answered, and those that may have taken effect. */
  settings: TopicSettings
  doubtful: TopicSettings[]
  /** `deleting` once that was asked for, `gone` once it was answered. */
  state: 'alive' | 'deleting' | 'gone'
  /** Whether it is, or once was, compacted: then a record may be missing that has a later one with its key. */
  compacted: boolean
  partitions: Map<number, PartitionModel>
}

export interface SeenRecord {
  topic: string
  topicId: number
  partition: number
  offset: number
  timestampMs: number
  n: number | undefined
}

export class Model {
  readonly messages: Message[] = []
  readonly publications: Publication[] = []
  readonly topics = new Map<number, TopicModel>()
  /** Topics whose creation was asked for and not answered. */
  readonly creating: { name: string; settings: TopicSettings }[] = []
  /** What is wrong, in words. */
  readonly wrong: string[] = []
  /** The latest time at which the hand can stand. */
  readonly #handMaxMs: () => number

  constructor(handMaxMs: () => number) {
    this.#handMaxMs = handMaxMs
  }

  /** Notes that something is wrong. */
  accuse(sentence: string): void {
    this.wrong.push(sentence)
  }

  created(name: string, id: number, settings: TopicSettings): TopicModel {
    const compacted = settings.cleanup === 'compact'
    const topic: TopicModel = { id, name, settings, doubtful: [], state: 'alive', compacted, partitions: new Map() }
    if (this.topics.has(id)) this.accuse(`the topic id ${id} was given a second time, to ${name}`)
    this.topics.set(id, topic)
    return topic
  }

  partition(topicId: number, partition: number): PartitionModel {
    const { partitions } = this.topics.get(topicId) as TopicModel
    let found = partitions.get(partition)
    if (found === undefined) {
      found = { startMin: 0, startSeen: 0, highWatermark: 0, records: new Map(), last: new Map(), unseenGone: false }
      partitions.set(partition, found)
    }
    return found
  }

  /** Somebody is about to publish these in one append. */
  publish(messages: readonly MessageDraft[]): Publication {
    const publication: Publication = { messages: [], state: 'under way' }
    for (const message of messages) {
      const n = this.messages.length
      const whole: Message = { ...message, n, publication, asked: undefined, seen: undefined }
      publication.messages.push(whole)
      this.messages.push(whole)
    }
    this.publications.push(publication)
    return publication
  }

  /** Whether compaction may have taken a message's record away. */
  isSuperseded({ n, topicId, key, tombstone }: Message): boolean {
    const topic = this.topics.get(topicId)
    if (topic === undefined || !topic.compacted || key === undefined) return false
    if (tombstone || [...topic.partitions.values()].some(({ last }) => (last.get(key)?.n ?? n) !== n)) return true
    // By a tombstone that went as well, before anybody looked.
    return this.messages.some((other) => other.tombstone && other.topicId === topicId && other.key === key)
  }

  /** Whether another message has its key, and may stand behind it in a compacted topic though nobody has read that yet. */
  mayBeSuperseded({ n, topicId, key }: Message): boolean {
    if (this.topics.get(topicId)?.compacted !== true || key === undefined) return false
    return this.messages.some((other) => other.n !== n && other.topicId === topicId && other.key === key)
  }

  /** Compares offsets with what was seen of them before. */
  offsets(
    topicId: number,
    partition: number,
    now: { logStartOffset: number; highWatermark: number; logEndOffset: number },
  ): void {
    const known = this.partition(topicId, partition)
    const where = `${this.topics.get(topicId)?.name}-${partition} (${topicId})`
    const { logStartOffset, highWatermark, logEndOffset } = now
    if (!(logStartOffset <= highWatermark && highWatermark <= logEndOffset))
      this.accuse(`offsets of ${where} are out of order: ${logStartOffset}, ${highWatermark}, ${logEndOffset}`)
    if (highWatermark < known.highWatermark)
      this.accuse(`7: the high watermark of ${where} moved back from ${known.highWatermark} to ${highWatermark}`)
    if (logStartOffset < known.startMin)
      this.accuse(`7: the log start of ${where} moved back from ${known.startMin} to ${logStartOffset}`)
    known.highWatermark = Math.max(known.highWatermark, highWatermark)
    for (let offset = known.startSeen; offset < logStartOffset; offset++)
      if (!known.records.has(offset)) known.unseenGone = true
    known.startSeen = logStartOffset
  }

  /** A record was read. */
  saw({ topic, topicId, partition, offset, timestampMs, n }: SeenRecord): void {
    const where = `${topic}-${partition}/${offset}`
    const message = this.messages[n ?? -1]
    if (n === undefined || message === undefined) {
      this.accuse(`5: ${where} holds ${n === undefined ? 'a record' : `message ${n}`}, which nobody published`)
      return
    }
    const { records, last, highWatermark } = this.partition(topicId, partition)
    if (offset >= highWatermark) this.accuse(`${where} was read and lies at or above the high watermark`)
    const earlier = records.get(offset)
    if (earlier !== undefined) {
      if (earlier.n !== n || earlier.timestampMs !== timestampMs)
        this.accuse(`6: ${where} holds message ${n} and held message ${earlier.n}`)
      return
    }
    records.set(offset, { n, timestampMs })
    const { key } = message
    if (key !== undefined && offset > (last.get(key)?.offset ?? -1)) last.set(key, { n, offset })
    this.#judge(message, { topicId, partition, offset, timestampMs }, where)
    message.seen = { partition, offset, timestampMs }
  }

  #judge(
    message: Message,
    at: { topicId: number; partition: number; offset: number; timestampMs: number },
    where: string,
  ): void {
    const { n, topicId, partition, offset, dueAtMs, publication, asked, seen } = message
    if (seen !== undefined) this.accuse(`2: message ${n} is at ${where} and at ${seen.partition}/${seen.offset}`)
    if (at.topicId !== topicId || (partition !== undefined && at.partition !== partition))
      this.accuse(
        `6: message ${n} for ${message.topic} (${topicId}) ${partition ?? 'any'} is at ${where} (${at.topicId})`,
      )
    if (publication.state === 'refused' || publication.state === 'absent')
      this.accuse(`5: message ${n} is at ${where}, its publication is ${publication.state}`)
    if (dueAtMs === undefined) {
      if (at.offset !== offset) this.accuse(`6: message ${n} is at ${where}, not at ${offset}`)
      return
    }
    const handMs = this.#handMaxMs()
    const dues = asked === undefined ? [dueAtMs] : this.#duesOf(message, asked, where)
    if (dues.length > 0 && !dues.some((due) => due <= Math.min(handMs, at.timestampMs)))
      this.accuse(`3: message ${n}, due ${dues}, was dispatched at ${at.timestampMs} to ${where}, by ${handMs}`)
  }

  /** When a message that was changed, and now is seen, can have been due. */
  #duesOf({ n }: Message, asked: MessageHistory, where: string): number[] {
    const handMs = this.#handMaxMs()
    const before = asked.verdict(handMs)
    asked.saw(handMs)
    const { states, contradiction } = asked.verdict(handMs)
    if (contradiction === undefined)
      return states.flatMap((state) => (state.state === 'dispatched' ? [state.dueMs] : []))
    if (asked.wasTold('cancelled')) this.accuse(`15: message ${n} was cancelled and is at ${where}`)
    else
      this.accuse(
        `3: message ${n}, ${JSON.stringify(before.states)}, is at ${where} when it is ${handMs} at the latest`,
      )
    return []
  }

  /** A call about a delayed message was answered. */
  told(message: Message, op: RegisterOp, told: Told): void {
    const { n, seen } = message
    const asked = this.askedOf(message)
    const handMs = this.#handMaxMs()
    asked.answer(op, told, handMs)
    if (asked.verdict(handMs).contradiction === undefined) return
    const isUndone = told.state === 'cancelled' && (seen !== undefined || asked.wasTold('dispatched'))
    const before = `${seen === undefined ? '' : 'dispatched, '}${asked.wasTold('cancelled') ? 'cancelled, ' : ''}`
    this.accuse(
      `${isUndone ? 15 : 17}: message ${n} was ${before}and is said to be ${JSON.stringify(told)} when ${op.call} was asked for`,
    )
  }

  askedOf(message: Message): MessageHistory {
    message.asked ??= new MessageHistory(message.dueAtMs as number)
    if (message.asked.size === 0 && message.seen !== undefined) message.asked.saw(this.#handMaxMs())
    return message.asked
  }
}

/** The contents of a record: begins with the number of its message. */
export function contentsOf(n: number, size: number): Buffer {
  return Buffer.from(`#${n};`.padEnd(size, '.'))
}

/** The number of the message that stands in a record's bytes, wherever; undefined when none does. */
export function numberIn(bytes: Uint8Array): number | undefined {
  const found = /#(\d+);/.exec(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'))
  return found === null ? undefined : Number(found[1])
}
