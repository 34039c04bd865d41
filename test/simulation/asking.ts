// Cancelling delayed messages and looking them up. What an answer says of a message is true for ever.

import type { DelayedState } from '../../timewheel/index.ts'
import type { Client } from './client.ts'
import type { Message } from './model.ts'

/** Cancels a delayed message, perhaps one that is dispatched, or was cancelled before. */
export async function cancel(client: Client): Promise<void> {
  const message = anyDelayed(client)
  if (message === undefined) return
  const { n, topic, dueAtMs = 0, offset, ownId } = message
  if (message.cancel === 'none') message.cancel = 'doubt'
  const answer = await client.wheel.cancel(topic, { dueAtMs, offset }, ownId)
  if (client.isDead) return
  // Not written(): it may have been durable before anything failed.
  client.answered(`cancel ${n}: ${answer}`)
  learn(client, message, answer)
}

/** Asks what became of a delayed message. */
export async function lookUp(client: Client): Promise<void> {
  const message = anyDelayed(client)
  if (message === undefined) return
  const { n, topic, dueAtMs = 0, offset, ownId, cancel: before, seen } = message
  const found = await client.wheel.lookUp(topic, { dueAtMs, offset }, ownId)
  if (client.isDead) return
  client.answered(`look up ${n}: ${JSON.stringify(found)}`)
  learn(client, message, found.state)
  if (found.state === 'dispatched') checkPlace(client, message, found)
  if (found.state !== 'pending') return
  if (before === 'cancelled') client.model.accuse(`17: message ${n} was cancelled and is said to be pending`)
  else if (seen !== undefined) client.model.accuse(`17: message ${n} was dispatched and is said to be pending`)
}

function learn(client: Client, message: Message, state: DelayedState['state']): void {
  const { model } = client
  const { n, cancel: before, seen } = message
  if (state === 'cancelled') {
    if (seen !== undefined || before === 'refused')
      model.accuse(`15: message ${n} was dispatched and is said to be cancelled`)
    message.cancel = 'cancelled'
  } else if (state === 'dispatched') {
    if (before === 'cancelled') model.accuse(`17: message ${n} was cancelled and is said to be dispatched`)
    message.cancel = 'refused'
  } else if (state === 'unknown') {
    if (!isForgotten(client, message) && !mayBeGone(client, message))
      model.accuse(`18: message ${n}, published with success, is said to be unknown`)
  }
}

function checkPlace(
  { model }: Client,
  { n, topicId, seen }: Message,
  said: { partition: number; offset: number },
): void {
  const { partition, offset } = said
  const isOther =
    seen === undefined
      ? model.partition(topicId, partition).records.has(offset)
      : seen.partition !== partition || seen.offset !== offset
  if (isOther)
    model.accuse(
      `16: message ${n} is said to be at ${partition}/${offset}, and is at ${seen?.partition}/${seen?.offset}`,
    )
}

/** A message is remembered until so long after its due time. */
function isForgotten({ swarm, handMs }: Client, { dueAtMs = 0 }: Message): boolean {
  return dueAtMs + swarm.wheel.rememberMs <= handMs
}

/** Whether a message may be unknown because its topic went, or its record. */
function mayBeGone({ engine, model }: Client, message: Message): boolean {
  const { topic, topicId } = message
  const found = engine.topic(topic)
  if (found?.id !== topicId || model.mayBeSuperseded(message)) return true
  const starts = Array.from({ length: found.partitions }, (_, i) => engine.offsets(topic, i).logStartOffset)
  return starts.some((start) => start > 0)
}

/** A delayed message that was published with success, one of the latest more often. */
function anyDelayed({ model: { messages }, random }: Client): Message | undefined {
  for (let i = 0; i < 10; i++) {
    const back = Math.floor(random.fraction() ** 2 * messages.length)
    const message = messages[messages.length - 1 - back]
    if (message?.dueAtMs !== undefined && message.publication.state === 'ok') return message
  }
  return undefined
}
