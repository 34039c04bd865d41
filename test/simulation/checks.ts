// Holds a log and a wheel against the model: after each recovery, at rest, and at the end.

import { type LogEngine, readPage } from '../../storage/index.ts'
import type { Wheel } from '../../timewheel/index.ts'
import { type Message, type Model, numberIn, type Publication, type TopicModel } from './model.ts'
import type { Moves } from './moves.ts'
import { countsOf, Truth } from './truth.ts'

const READ_BYTES = 64 * 1024
/** Topics of the product's own. */
const INTERNAL = /^__/
/** Where dispatches of messages with an id of their own are noted, in the same append. */
export const NOTES = '__notes'

/** Reads a partition from its log start on, or from `from`, and shows each record to `each`. */
export async function readPartition(
  engine: LogEngine,
  topic: string,
  partition: number,
  each: (record: { offset: number; timestampMs: number; body: Uint8Array }) => void,
  gaps = false,
): Promise<string | undefined> {
  const { logStartOffset, highWatermark } = engine.offsets(topic, partition)
  for (let next = logStartOffset; next < highWatermark; ) {
    const bytes = await engine.read(topic, partition, next, READ_BYTES).catch((error) => {
      // Retention has come by meanwhile.
      const { logStartOffset } = engine.offsets(topic, partition)
      if (logStartOffset <= next) throw error
      next = logStartOffset
      return undefined
    })
    if (bytes === undefined) continue
    const { records, nextOffset } = readPage(bytes, next)
    if (nextOffset === next)
      return `nothing is at offset ${next} of ${topic}-${partition}, which goes to ${highWatermark}`
    for (const record of records) {
      if (record.offset !== next && !gaps) return `${topic}-${partition} goes on at ${record.offset} instead of ${next}`
      each(record)
      next = record.offset + 1
    }
    next = nextOffset
  }
  return undefined
}

/** Reads one partition and shows it to the model. */
export async function observePartition(
  engine: LogEngine,
  model: Model,
  topic: TopicModel,
  partition: number,
): Promise<void> {
  const { id: topicId, name } = topic
  if (engine.topic(name)?.id !== topicId) return
  model.offsets(topicId, partition, engine.offsets(name, partition))
  const wrong = await readPartition(
    engine,
    name,
    partition,
    ({ offset, timestampMs, body }) => {
      if (offset >= (topic.partitions.get(partition)?.highWatermark ?? 0)) return
      model.saw({ topic: name, topicId, partition, offset, timestampMs, n: numberIn(body) })
    },
    topic.compacted,
  )
  if (engine.topic(name)?.id !== topicId) return
  // Retention may have come by.
  model.offsets(topicId, partition, engine.offsets(name, partition))
  if (wrong !== undefined) model.accuse(wrong)
}

/** Reads everything that clients can see. */
export async function observeAll(engine: LogEngine, model: Model): Promise<void> {
  for (const topic of model.topics.values()) {
    const found = engine.topic(topic.name)
    if (found?.id !== topic.id) continue
    for (let partition = 0; partition < found.partitions; partition++)
      await observePartition(engine, model, topic, partition)
  }
}

/** After a crash, with the log open and the wheel not yet: decides what was in doubt. */
export async function settleDoubts(engine: LogEngine, model: Model): Promise<true> {
  settleTopics(engine, model)
  await observeAll(engine, model)
  const delayed = new Map<number, number | undefined>()
  let delayStart = 0
  if (engine.topic('__delay') !== undefined) {
    delayStart = engine.offsets('__delay', 0).logStartOffset
    const wrong = await readPartition(engine, '__delay', 0, ({ offset, body }) => delayed.set(offset, numberIn(body)))
    if (wrong !== undefined) model.accuse(wrong)
  }
  const isThere = (message: Message): boolean | undefined => {
    const { n, seen, dueAtMs, offset } = message
    if (seen !== undefined) return true
    if (dueAtMs !== undefined) return offset < delayStart || delayed.get(offset) === n
    return isGone(engine, model, message) ? undefined : false
  }
  for (const publication of model.publications) {
    if (publication.state === 'under way') publication.state = 'doubt'
    if (publication.state === 'ok') checkThere(model, publication, isThere)
    if (publication.state === 'doubt') settle(model, publication, isThere)
  }
  return true
}

function checkThere(model: Model, { messages }: Publication, isThere: (message: Message) => boolean | undefined): void {
  for (const message of messages) {
    if (message.dueAtMs !== undefined || isThere(message) !== false) continue
    const { n, topic, partition, offset } = message
    model.accuse(`1: message ${n} was answered ${topic}-${partition}/${offset} and is not there`)
  }
}

function settle(model: Model, publication: Publication, isThere: (message: Message) => boolean | undefined): void {
  const found = publication.messages.map(isThere)
  const missing = publication.messages.filter((_, i) => found[i] === false)
  if (found.includes(true) && missing.length > 0)
    model.accuse(
      `9: of messages ${publication.messages[0].n} and on, published together, ${missing.map(({ n }) => n)} are missing`,
    )
  publication.state = found.includes(true) ? 'ok' : missing.length > 0 ? 'absent' : 'doubt'
}

function settleTopics(engine: LogEngine, model: Model): void {
  for (const { id, name, ...settings } of engine.topics()) {
    if (INTERNAL.test(name)) continue
    const known = model.topics.get(id)
    if (known === undefined) {
      const asked = model.creating.findIndex((creation) => creation.name === name && same(creation.settings, settings))
      if (asked < 0) model.accuse(`5: there is a topic ${name} (${id}) that nobody created`)
      else model.creating.splice(asked, 1)
      model.created(name, id, settings)
      continue
    }
    if (known.state === 'gone') model.accuse(`the topic ${name} (${id}) was deleted and is back`)
    if (![known.settings, ...known.doubtful].some((one) => same(one, settings)))
      model.accuse(
        `the topic ${name} (${id}) has settings ${JSON.stringify(settings)}, not ${JSON.stringify(known.settings)}`,
      )
    known.state = 'alive'
    known.settings = settings
    known.compacted ||= settings.cleanup === 'compact'
    known.doubtful = []
  }
  for (const topic of model.topics.values()) {
    if (engine.topic(topic.name)?.id === topic.id) continue
    if (topic.state === 'alive') model.accuse(`1: the topic ${topic.name} (${topic.id}) is missing`)
    topic.state = 'gone'
  }
  model.creating.length = 0
}

function same(a: object, b: object): boolean {
  const rows = (settings: object) =>
    Object.entries(settings)
      .filter(([, value]) => value !== undefined)
      .sort()
  return JSON.stringify(rows(a)) === JSON.stringify(rows(b))
}

/** Whether a message may be missing because its topic, its partition or that part of its log is not there any more. */
function isGone(engine: LogEngine, model: Model, message: Message): boolean {
  const { topicId, topic, partition, offset, dueAtMs } = message
  if (engine.topic(topic)?.id !== topicId || model.isSuperseded(message)) return true
  if (dueAtMs === undefined) return offset < model.partition(topicId, partition as number).startSeen
  return hasUnseen(model, topicId)
}

/** With nothing under way and time standing still: what is due is dispatched, and the wheel counts right. */
export async function checkAtRest(
  engine: LogEngine,
  wheel: Wheel,
  model: Model,
  moves: Moves,
  handMs: number,
): Promise<void> {
  // Reading takes its time, and time may go on.
  const census = countsOf(wheel, model.topics.keys())
  await observeWithNotes(engine, model)
  await moves.catchUp(engine)
  const truth = new Truth()
  for (const message of model.messages) {
    const { publication, dueAtMs, topicId } = message
    if (publication.state !== 'ok') continue
    const dues = dueAtMs === undefined ? [] : checkChanges(model, moves, message, handMs)
    if (dues.length === 0 || dues.every((due) => due !== undefined && due <= handMs)) {
      checkDispatched(engine, model, message, handMs)
    } else truth.add(topicId, dues.length === 1 ? (dues[0] as number) : undefined)
  }
  for (const sentence of truth.contradictions(census)) model.accuse(`20: ${sentence}`)
}

/**
 * The due times at which a delayed message can wait; undefined for one that is not to be dispatched at all, and none
 * when it cannot wait.
 */
function checkChanges(model: Model, moves: Moves, { n, dueAtMs = 0, asked, ownId, seen }: Message, handMs: number) {
  if (asked === undefined) return [dueAtMs]
  const { states } = asked.verdict(handMs)
  const note = moves.notes.get(n)
  const isNoted = states.some((state) => {
    if (note === undefined) return state.state !== 'cancelled'
    if (note.state === 'cancelled') return state.state === 'cancelled'
    return 'dueMs' in state && (state.exact ? state.dueMs === note.place.dueAtMs : state.dueMs <= note.place.dueAtMs)
  })
  if (states.length > 0 && ownId !== undefined && !isNoted)
    model.accuse(`9: message ${n} can be ${JSON.stringify(states)}, what is noted of it is ${JSON.stringify(note)}`)
  // Time may have gone on since the wheel was asked.
  if (seen !== undefined && seen.timestampMs <= handMs) return []
  const dues = states.map((state) => ('dueMs' in state ? state.dueMs : undefined))
  return [...new Set(dues)]
}

/** It is due, or was not delayed: it is in its topic, or rightly gone. */
function checkDispatched(engine: LogEngine, model: Model, message: Message, handMs: number): void {
  const { n, topic, dueAtMs, asked, seen } = message
  if (seen !== undefined || isGone(engine, model, message)) return
  if (dueAtMs === undefined) model.accuse(`1: message ${n} was answered with success and is not there`)
  else {
    const number = asked?.wasTold('dispatched') ? 16 : 1
    model.accuse(`${number}: message ${n}, due ${handMs - dueAtMs} ms ago, is not in ${topic}`)
  }
}

/** Reads everything; a message with an id of its own is noted once, in the append that dispatches it, with its place. */
async function observeWithNotes(engine: LogEngine, model: Model): Promise<void> {
  await observeAll(engine, model)
  const seenBefore = model.messages.filter(({ ownId, dueAtMs, seen }) => ownId && dueAtMs !== undefined && seen)
  const notes = new Map<number, string>()
  const wrong = await readPartition(engine, NOTES, 0, ({ body }) => {
    const n = numberIn(body) ?? -1
    if (notes.has(n)) model.accuse(`2: the dispatch of message ${n} is noted twice`)
    notes.set(n, /#\d+; (\S+ \d+ \d+);/.exec(Buffer.from(body).toString('latin1'))?.[1] ?? '')
  })
  if (wrong !== undefined) model.accuse(wrong)
  for (const { n } of seenBefore) {
    if (!notes.has(n)) model.accuse(`9: message ${n} was dispatched and its note is missing`)
  }
  // What was dispatched meanwhile is noted and not seen yet.
  await observeAll(engine, model)
  for (const [n, place] of notes) {
    const { seen, topic, topicId = -1 } = model.messages[n] ?? {}
    const mayBeGone =
      engine.topic(topic ?? '')?.id !== topicId || hasUnseen(model, topicId) || model.isSuperseded(model.messages[n])
    if (seen === undefined ? !mayBeGone : place !== `${topic} ${seen.partition} ${seen.offset}`)
      model.accuse(`6: message ${n} is noted at ${place} and is at ${seen?.partition}/${seen?.offset}`)
  }
}

function hasUnseen(model: Model, topicId: number): boolean {
  return [...(model.topics.get(topicId)?.partitions.values() ?? [])].some(({ unseenGone }) => unseenGone)
}
