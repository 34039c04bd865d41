// Reading partitions, by offset and by time, and deleting what lies before an offset.

import { readPage } from '../../storage/index.ts'
import { observePartition } from './checks.ts'
import type { Client } from './client.ts'
import { anyTopic } from './managing.ts'
import { numberIn, type TopicModel } from './model.ts'

interface Place {
  topic: TopicModel
  partition: number
  /** `<topic>-<partition>` */
  where: string
}

/** Reads from some offset on, a little or more. */
export async function read(client: Client): Promise<void> {
  const { engine, model, random } = client
  const place = anyPlace(client)
  if (place === undefined) return
  const { topic, partition, where } = place
  const { logStartOffset, highWatermark } = look(client, place)
  const from = random.between(logStartOffset, highWatermark)
  const bytes = await engine.read(topic.name, partition, from, random.pick([1, 500, 10_000]))
  if (client.isDead || isGone(client, place)) return
  look(client, place)
  const { records, nextOffset } = readPage(bytes, from)
  client.answered(`read ${where} from ${from}: ${records.length}`)
  for (const [i, { offset, timestampMs, body }] of records.entries()) {
    if (offset !== from + i && !topic.compacted) model.accuse(`reading ${where} from ${from} answered offset ${offset}`)
    model.saw({ topic: topic.name, topicId: topic.id, partition, offset, timestampMs, n: numberIn(body) })
  }
  if (nextOffset === from && from < highWatermark)
    model.accuse(`reading ${where} from ${from} answered nothing, it goes to ${highWatermark}`)
}

/** Asks for the first record from some time on. Of those that came after the look at the partition some may not be known. */
export async function offsetForTime(client: Client): Promise<void> {
  const { engine, model, random } = client
  const place = anyPlace(client)
  if (place === undefined) return
  const { topic, partition, where } = place
  await observePartition(engine, model, topic, partition)
  if (client.isDead || isGone(client, place)) return
  const { logStartOffset } = engine.offsets(topic.name, partition)
  const records = [...model.partition(topic.id, partition).records].filter(([offset]) => offset >= logStartOffset)
  if (records.length === 0) return
  const timestampMs = random.pick(records)[1].timestampMs + random.between(-1, 1)
  const answered = await engine.offsetForTime(topic.name, partition, timestampMs)
  if (client.isDead || isGone(client, place) || topic.compacted) return
  if (engine.offsets(topic.name, partition).logStartOffset !== logStartOffset) return
  const isRight = records.every(([offset, record]) => {
    const isLateEnough = record.timestampMs >= timestampMs
    return offset < answered ? !isLateEnough : offset > answered || isLateEnough
  })
  if (isRight) return
  const lateEnough = records.filter(([, record]) => record.timestampMs >= timestampMs).map(([offset]) => offset)
  const first = lateEnough.length === 0 ? 'no offset' : Math.min(...lateEnough)
  model.accuse(`the first record of ${where} from ${timestampMs} on is at ${first}, not at ${answered}`)
}

/** Deletes the records before some offset; what goes has been looked at. */
export async function deleteRecords(client: Client): Promise<void> {
  const { engine, model, random } = client
  const place = anyPlace(client)
  if (place === undefined) return
  const { topic, partition, where } = place
  await observePartition(engine, model, topic, partition)
  if (client.isDead || isGone(client, place)) return
  const known = model.partition(topic.id, partition)
  const before = random.between(known.startSeen, known.highWatermark)
  await engine.deleteRecords(topic.name, partition, before)
  if (client.isDead) return
  client.written(`deleted ${where} before ${before}`)
  known.startMin = Math.max(known.startMin, before)
}

function anyPlace(client: Client): Place | undefined {
  const topic = anyTopic(client)
  const found = client.engine.topic(topic?.name ?? '')
  if (topic === undefined || found?.id !== topic.id) return undefined
  const partition = client.random.between(0, found.partitions - 1)
  return { topic, partition, where: `${topic.name}-${partition}` }
}

function look({ engine, model }: Client, { topic, partition }: Place) {
  const offsets = engine.offsets(topic.name, partition)
  model.offsets(topic.id, partition, offsets)
  return offsets
}

/** Whether the topic was deleted meanwhile; another may have its name. */
function isGone({ engine }: Client, { topic }: Place): boolean {
  return engine.topic(topic.name)?.id !== topic.id
}
