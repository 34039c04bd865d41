// How much may wait to become due, of one topic and of what one caller sees: messages, and bytes. Asked before anything is
// published. A message takes its key, value and headers, and as it is kept some tens of bytes more.
//
// What waits is asked of the census when that was a second ago, and added to in between: a caller may see ten thousand topics,
// and what was let in is counted by the wheel a moment later. So what was cancelled or dispatched makes room a second later, and
// no more is let in than is allowed but what was on its way when that was asked.

import { type Clock, DwellError } from '../../storage/index.ts'
import type { Caller } from '../access/caller.ts'
import { type Message, sizeOf } from '../publish/message.ts'
import type { Settings } from '../settings.ts'

const COUNT_MS = 1_000
/** When room comes is anybody's guess: messages have to become due. */
const RETRY_SECONDS = 10

interface Topic {
  name: string
  id: number
}

interface Waiting {
  count: number
  bytes: number
}

/** 0 is any number. */
interface Bounds {
  count: number
  bytes: number
  /** What they bound, as a sentence says it. */
  where: string
}

export interface PendingQuotasOptions {
  settings: Pick<Settings, 'TOPIC_PENDING_MAX' | 'TOPIC_PENDING_BYTES_MAX'>
  clock: Pick<Clock, 'monotonicMs'>
  topics: { list(): Topic[]; find(name: string): Topic | undefined }
  /** How many delayed messages wait for a topic, and what bytes they have. */
  census: { countOf(topicId: number): number; bytesOf(topicId: number): number }
}

export class PendingQuotas {
  readonly #options: PendingQuotasOptions
  #askedAtMs = Number.NEGATIVE_INFINITY
  /** By a topic's id, or a caller's allowance: as they were asked for, with what was let in since. */
  #waiting = new Map<unknown, Waiting>()

  constructor(options: PendingQuotasOptions) {
    this.#options = options
  }

  /**
   * Before messages are published to a topic.
   * @throws TOO_MANY_PENDING, TOO_MANY_PENDING_BYTES
   */
  check(caller: Caller, name: string, messages: readonly Message[]): void {
    const { TOPIC_PENDING_MAX: count, TOPIC_PENDING_BYTES_MAX: bytes } = this.#options.settings
    const { pending: callerCount = 0, pendingBytes: callerBytes = 0 } = caller.allowance?.limits ?? {}
    if (count + bytes + callerCount + callerBytes === 0) return
    const more = delayedOf(messages)
    if (more.count === 0) return
    const ofTopic = this.#ofTopic(name)
    admit(ofTopic, more, { count, bytes, where: `for the topic ${name}` })
    if (callerCount + callerBytes > 0) {
      const ofCaller = this.#ofCaller(caller)
      admit(ofCaller, more, { count: callerCount, bytes: callerBytes, where: 'for the topics of this token' })
      add(ofCaller, more)
    }
    add(ofTopic, more)
  }

  #ofTopic(name: string): Waiting {
    const { topics, census } = this.#options
    const id = topics.find(name)?.id
    // One that is just being made is counted under its name.
    return this.#find(id ?? name, () => (id === undefined ? [] : [waitingIn(census, id)]))
  }

  #ofCaller(caller: Caller): Waiting {
    const { topics, census } = this.#options
    const seen = () => topics.list().filter(({ name }) => caller.sees(name))
    return this.#find(caller.allowance, () => seen().map(({ id }) => waitingIn(census, id)))
  }

  #find(key: unknown, ask: () => Waiting[]): Waiting {
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs - this.#askedAtMs >= COUNT_MS) {
      this.#waiting = new Map()
      this.#askedAtMs = nowMs
    }
    let found = this.#waiting.get(key)
    if (found === undefined) {
      found = { count: 0, bytes: 0 }
      for (const waiting of ask()) add(found, waiting)
      this.#waiting.set(key, found)
    }
    return found
  }
}

function waitingIn(census: PendingQuotasOptions['census'], topicId: number): Waiting {
  return { count: census.countOf(topicId), bytes: census.bytesOf(topicId) }
}

function delayedOf(messages: readonly Message[]): Waiting {
  const delayed = { count: 0, bytes: 0 }
  for (let i = 0; i < messages.length; i++) {
    if (messages[i].dueAtMs === 0) continue
    delayed.count++
    delayed.bytes += sizeOf(messages[i])
  }
  return delayed
}

function add(to: Waiting, { count, bytes }: Waiting): void {
  to.count += count
  to.bytes += bytes
}

function admit(waiting: Waiting, more: Waiting, { count, bytes, where }: Bounds): void {
  if (count > 0 && waiting.count + more.count > count) {
    const sentence = `At most ${count} delayed messages may wait ${where}; ${waiting.count} do, and these are ${more.count}.`
    throw new DwellError('TOO_MANY_PENDING', sentence, { limit: count, retryAfterSeconds: RETRY_SECONDS })
  }
  if (bytes > 0 && waiting.bytes + more.bytes > bytes) {
    const sentence = `Delayed messages of at most ${bytes} bytes may wait ${where}; ${waiting.bytes} do, and these have ${more.bytes}.`
    throw new DwellError('TOO_MANY_PENDING_BYTES', sentence, { limit: bytes, retryAfterSeconds: RETRY_SECONDS })
  }
}
