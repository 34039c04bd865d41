// Publishing: records for some partitions and messages for later, in one append that becomes durable as a whole.

import { type Append, encodeRecordBody, type Header, type TopicDescription } from '../../storage/index.ts'
import { type DelayedRecord, ID_PLACEHOLDER } from '../../timewheel/index.ts'
import { type Client, isRefusal } from './client.ts'
import { contentsOf, type Message, type MessageDraft, type Publication } from './model.ts'
import { SPANS } from './swarm.ts'

const DELAY_TOPIC = '__delay'

/** Publishes `count` messages, some of them delayed; all of them, due within the second from `dueAtMs` on, when it is given. */
export async function publish(client: Client, count: number, dueAtMs?: number): Promise<void> {
  const { engine, wheel, model } = client
  const drafts = draft(client, count, dueAtMs)
  if (drafts.length === 0) return
  const publication = model.publish(drafts)
  try {
    const appends = appendsOf(client, publication)
    const delayed = publication.messages.filter((message) => message.dueAtMs !== undefined)
    if (delayed.length > 0) appends.push(wheel.append(delayed.map((message) => delayedRecord(client, message))))
    const bases = await engine.append(appends)
    if (client.isDead) return
    client.written(`published ${publication.messages[0].n} to ${publication.messages.at(-1)?.n} at ${bases}`)
    publication.state = 'ok'
    if (delayed.length > 0 && bases.at(-1) !== delayed[0].offset)
      model.accuse(
        `6: message ${delayed[0].n} was given the offset ${bases.at(-1)} of __delay, not ${delayed[0].offset}`,
      )
  } catch (error) {
    if (client.isDead) return
    publication.state = isRefusal(error) ? 'refused' : 'doubt'
    throw error
  }
}

/** How far ahead a message of this seed is due. */
export function delayMs({ random, swarm }: Client): number {
  const [fromMs, toMs] = SPANS[random.weighted(swarm.delays)]
  return random.between(fromMs, toMs)
}

function draft(client: Client, count: number, secondMs: number | undefined): MessageDraft[] {
  const { engine, random, model, handMs } = client
  const topics = [...engine.topics()].filter(({ name }) => !name.startsWith('__'))
  if (topics.length === 0) return []
  // Offsets are given out in order: those that this append will have are known.
  const nextOffsets = new Map<string, number>()
  const offsetIn = (topic: string, partition: number) => {
    const key = `${topic}-${partition}`
    const next = nextOffsets.get(key) ?? engine.offsets(topic, partition).logEndOffset
    nextOffsets.set(key, next + 1)
    return next
  }
  const one = (topic: TopicDescription, i: number): MessageDraft => {
    const dueAtMs =
      secondMs !== undefined
        ? secondMs + random.between(0, 999)
        : random.chance(0.3)
          ? undefined
          : handMs + delayMs(client)
    const isNow = dueAtMs === undefined
    const partition = isNow || random.chance(0.5) ? random.between(0, topic.partitions - 1) : undefined
    const offset = isNow ? offsetIn(topic.name, partition as number) : offsetIn(DELAY_TOPIC, 0)
    const ownId = !isNow && random.chance(0.2) ? `own-${model.messages.length + i}` : undefined
    const key = random.chance(0.5) ? undefined : `key ${random.between(0, 5)}`
    const tombstone = key !== undefined && random.chance(0.1)
    return { topic: topic.name, topicId: topic.id, partition, dueAtMs, ownId, key, tombstone, offset }
  }
  const targets = Array.from({ length: random.between(1, 3) }, () => random.pick(topics))
  return Array.from({ length: count }, (_, i) => one(random.pick(targets), i))
}

/** The records of those messages that are not delayed. */
function appendsOf(client: Client, { messages }: Publication): Append[] {
  const appends = new Map<string, Append & { records: { timestampMs: number; body: Buffer }[] }>()
  const { handMs: timestampMs } = client
  for (const message of messages) {
    const { topic, partition = 0, dueAtMs } = message
    if (dueAtMs !== undefined) continue
    const key = `${topic}-${partition}`
    const append = appends.get(key) ?? { topic, partition, records: [] }
    appends.set(key, append)
    append.records.push({ timestampMs, body: bodyOf(client, message, []) })
  }
  return [...appends.values()]
}

function delayedRecord(client: Client, message: Message): DelayedRecord {
  const { topic, partition, dueAtMs = 0, ownId } = message
  const id = ownId === undefined ? ID_PLACEHOLDER : Buffer.from(ownId)
  const body = bodyOf(client, message, [['id', id]])
  return { topic, partition, dueAtMs, ownId, fillId: ownId === undefined, body }
}

function bodyOf({ random, swarm }: Client, { n, key, tombstone }: Message, headers: Header[]): Buffer {
  const contents = contentsOf(n, random.between(0, swarm.recordBytesMax))
  const keyBytes = key === undefined ? null : Buffer.from(key)
  return tombstone
    ? encodeRecordBody(keyBytes, null, [['contents', contents], ...headers])
    : encodeRecordBody(keyBytes, contents, headers)
}
