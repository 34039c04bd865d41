// Changing delayed messages and looking at them: cancelled, moved, dispatched now, looked up, listed. What an answer says of
// a message is held against everything else that was asked of it.

import type { DwellError } from '../../storage/index.ts'
import { messageId, type Place } from '../../timewheel/index.ts'
import type { Told } from '../checker/history.ts'
import type { RegisterOp } from '../checker/register.ts'
import { type Client, isRefusal } from './client.ts'
import { type Message, numberIn } from './model.ts'
import { delayMs } from './publishing.ts'

/** More than this is never asked of one message: what is not answered may have happened at any time since. */
const ASKED_MAX = 12
const PAGES_MAX = 30

type Ask = (topic: string, place: Place, id: string) => Promise<Told>

/** Cancels a delayed message, perhaps one that is dispatched, or was cancelled before. */
export async function cancel(client: Client): Promise<void> {
  await ask(client, 'cancel', 0, async (topic, place, id) => {
    const state = await client.wheel.cancel(topic, place, id)
    return { state }
  })
}

/** Has a delayed message wait until another time; some back to now, some beyond the reach of the wheel. */
export async function reschedule(client: Client): Promise<void> {
  const toMs = client.handMs + delayMs(client)
  await ask(client, 'reschedule', toMs, (topic, place, id) => client.wheel.reschedule(topic, place, toMs, id))
}

/** Dispatches a delayed message now. */
export async function dispatchNow(client: Client): Promise<void> {
  await ask(client, 'dispatch', client.handMs, (topic, place, id) => client.wheel.dispatchNow(topic, place, id))
}

/** Asks what became of a delayed message. */
export async function lookUp(client: Client): Promise<void> {
  await ask(client, 'look up', 0, (topic, place, id) => client.wheel.lookUp(topic, place, id))
}

/** Walks through what waits for a topic, page by page. Each page is in order; all that waits all the while is in one. */
export async function list(client: Client): Promise<void> {
  const { wheel, model, random, engine, world } = client
  const topic = random.pick([...model.topics.values()])
  if (engine.topic(topic.name)?.id !== topic.id) return
  const waiting = model.messages.filter((message) => {
    const { topicId, publication, dueAtMs, asked, seen } = message
    return topicId === topic.id && publication.state === 'ok' && dueAtMs !== undefined && !asked && !seen
  })
  const limit = random.pick([1, 3, 100])
  const found = new Set<number>()
  let last: Place | undefined
  for (let pages = 0, isMore = true; isMore && pages < PAGES_MAX; pages++) {
    const page = await wheel.list({ topicId: topic.id, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, after: last, limit })
    if (client.isDead) return
    for (const { dueAtMs, body } of page.messages) {
      const n = numberIn(body) ?? -1
      client.answered(`listed ${n}`)
      if (found.has(n) && model.messages[n]?.asked === undefined) model.accuse(`17: message ${n} is in a list twice`)
      found.add(n)
      if (last !== undefined && dueAtMs < last.dueAtMs)
        model.accuse(`17: a list goes from ${last.dueAtMs} to message ${n}, due ${dueAtMs}`)
      judgeListed(client, n, dueAtMs, topic.id)
    }
    last = page.after
    isMore = last !== undefined
  }
  if (last !== undefined || engine.topic(topic.name)?.id !== topic.id) return
  for (const { n, dueAtMs = 0, asked, seen } of waiting) {
    if (!found.has(n) && asked === undefined && seen === undefined && dueAtMs > world.handBound.maxMs)
      model.accuse(`17: message ${n}, due ${dueAtMs}, waits and is not in the list`)
  }
}

function judgeListed({ model }: Client, n: number, dueAtMs: number, topicId: number): void {
  const message = model.messages[n]
  if (message?.dueAtMs === undefined || message.topicId !== topicId) {
    model.accuse(`5: a list has message ${n}, which nobody published there`)
    return
  }
  if (message.asked === undefined && message.dueAtMs !== dueAtMs)
    model.accuse(`17: message ${n}, due ${message.dueAtMs}, is listed as due ${dueAtMs}`)
}

/** Asks something of some delayed message, and has the model judge the answer. */
async function ask(client: Client, call: RegisterOp['call'], toMs: number, how: Ask): Promise<void> {
  const message = anyDelayed(client)
  if (message === undefined) return
  const { model, world } = client
  const { n, ownId } = message
  const first = { dueAtMs: message.dueAtMs as number, offset: message.offset }
  const id = ownId ?? messageId(first)
  world.moves.numbers.set(id, n)
  // As the service has it from `__ids`.
  await world.moves.catchUp(client.engine)
  if (client.isDead) return
  const { place } = world.moves.notes.get(n) ?? { place: first }
  const op = model.askedOf(message).ask(call, toMs)
  try {
    const { state, ...more } = await how(message.topic, place, id)
    if (client.isDead) return
    // Not written(): it may have been durable before anything failed.
    client.answered(`${call} ${n}: ${state} ${JSON.stringify(more)}`)
    learn(client, message, op, { state, ...more })
  } catch (error) {
    // One that stops may have done what it does not answer.
    op.failed = call === 'look up' || (isRefusal(error) && (error as DwellError).code !== 'ENGINE_CLOSED')
    throw error
  }
}

function learn(client: Client, message: Message, op: RegisterOp, told: Told): void {
  const { model } = client
  if (told.state === 'unknown') {
    // Moved to now it may have been, and gone then with its topic.
    op.failed = op.call !== 'dispatch'
    if (!isForgotten(client, message) && !mayBeGone(client, message))
      model.accuse(`18: message ${message.n}, published with success, is said to be unknown`)
    return
  }
  model.told(message, op, told)
  if (told.state === 'dispatched' && told.partition !== undefined && told.offset !== undefined)
    checkPlace(client, message, { partition: told.partition, offset: told.offset })
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
function isForgotten({ swarm, handMs, world }: Client, { n, dueAtMs = 0 }: Message): boolean {
  const inForceMs = world.moves.notes.get(n)?.place.dueAtMs ?? dueAtMs
  return inForceMs + swarm.wheel.rememberMs <= handMs
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
    if (message?.dueAtMs === undefined || message.publication.state !== 'ok') continue
    if ((message.asked?.size ?? 0) < ASKED_MAX) return message
  }
  return undefined
}
