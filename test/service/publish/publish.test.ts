// Publishing against an engine in memory: what a real one cannot be made to do on demand.

import t from 'tap'
import { Ids } from '../../../service/publish/ids.ts'
import type { Message } from '../../../service/publish/message.ts'
import { Publisher } from '../../../service/publish/publish.ts'
import { Topics } from '../../../service/topics.ts'
import type { Append } from '../../../storage/index.ts'
import { DwellError } from '../../../storage/index.ts'
import { type DelayedRecord, type DelayedState, messageId } from '../../../timewheel/index.ts'
import { settle } from '../../support/manual-clock.ts'
import { MemoryEngine } from '../../support/memory-engine.ts'
import { MemoryStore } from '../../support/memory-store.ts'

async function rig(waitingBytesMax = 1_000_000) {
  const engine = new MemoryEngine()
  const hand = { ms: 1_000, nowMs: () => hand.ms }
  await engine.createTopic('__delay', { partitions: 1, cleanup: 'delete' })
  const wheel = {
    state: { state: 'pending' } as DelayedState,
    append: (records: readonly DelayedRecord[]): Append => {
      return { topic: '__delay', partition: 0, records: records.map(({ body }) => ({ timestampMs: hand.ms, body })) }
    },
    lookUp: async () => wheel.state,
    behind: undefined as Promise<void> | undefined,
    room: () => wheel.behind,
  }
  const ids = await Ids.open({ engine, index: new MemoryStore(), hand, windowMs: 60_000 })
  const space: { admit(): void } = { admit() {} }
  const topics = new Topics({ engine, defaultPartitions: 1, autoCreate: true, ownerOf: () => undefined, space })
  await topics.put('orders', { partitions: 1 })
  const publisher = new Publisher({ engine, topics, ids, wheel, hand, space, waitingBytesMax })
  return { engine, hand, wheel, ids, publisher, topics, space }
}

function message(fields: Partial<Message> = {}): Message {
  return {
    value: Buffer.from('x'),
    form: undefined,
    key: null,
    headers: [],
    partition: -1,
    dueAtMs: 0,
    id: '',
    ...fields,
  }
}

t.test('nothing is answered before it is durable', async (t) => {
  const { engine, publisher } = await rig()
  engine.held = true
  let answered = false
  const published = publisher.publish('orders', [message()]).then((results) => {
    answered = true
    return results
  })
  await settle()
  t.equal(answered, false)
  engine.release()
  t.strictSame(await published, [{ kind: 'now', partition: 0, offset: 0, duplicate: false }])
})

t.test('what waits to be durable is bounded, and there is room again afterwards', async (t) => {
  const { engine, publisher } = await rig(1_000)
  engine.held = true
  const large = message({ value: Buffer.alloc(800) })
  const first = publisher.publish('orders', [large])
  const refused = { code: 'OVERLOADED', fields: { limit: 1_000, retryAfterSeconds: 1 } }
  await t.rejects(publisher.publish('orders', [large]), refused)
  const withId = message({ value: Buffer.alloc(800), id: 'a' })
  await t.rejects(publisher.publish('orders', [withId]), refused)
  engine.release()
  await first
  engine.held = false
  t.match(
    await publisher.publish('orders', [withId]),
    [{ offset: 1, duplicate: false }],
    'the id of the refused one is free',
  )
  t.match(publisher.stats(), { now: 2, overloaded: 2, waitingBytes: 0 })
  const whole = [message({ value: Buffer.alloc(5_000) })]
  t.match(await publisher.publish('orders', whole), [{ offset: 2 }], 'one request alone is never too much')
})

t.test('a request waits for another one with its id, and takes over when that fails', async (t) => {
  const { engine, publisher } = await rig()
  const append = engine.append.bind(engine)
  let fail: (error: Error) => void = () => {}
  engine.append = () => {
    engine.append = append
    return new Promise((_, reject) => {
      fail = reject
    })
  }
  const first = publisher.publish('orders', [message({ id: 'a' })])
  const second = publisher.publish('orders', [message(), message({ id: 'a', dueAtMs: 9_000 })])
  await settle()
  fail(new DwellError('APPEND_TOO_LARGE', 'No.'))
  await t.rejects(first, { code: 'APPEND_TOO_LARGE' })
  t.strictSame(await second, [
    { kind: 'now', partition: 0, offset: 0, duplicate: false },
    { kind: 'delayed', dueAtMs: 9_000, delayOffset: 0, duplicate: false },
  ])
})

t.test('two requests with one id that the wheel is asked of: one publishes, the other is a duplicate', async (t) => {
  const { engine, wheel, publisher } = await rig()
  const asked: (() => void)[] = []
  wheel.lookUp = () => new Promise((resolve) => asked.push(() => resolve({ state: 'unknown' })))
  const given = message({ id: messageId({ dueAtMs: 5, offset: 3 }) })
  const both = [publisher.publish('orders', [given]), publisher.publish('orders', [given])]
  await settle()
  t.equal(asked.length, 2, 'both ask before either publishes')
  engine.held = true
  for (const answer of asked) answer()
  await settle()
  engine.held = false
  engine.release()
  t.match((await Promise.all(both)).flat(), [
    { offset: 0, duplicate: false },
    { offset: 0, duplicate: true },
  ])
  t.equal(engine.offsets('orders', 0).highWatermark, 1)
})

t.test('an id whose cancel was not remembered is asked of the wheel once its time is over', async (t) => {
  const { hand, wheel, publisher } = await rig()
  await publisher.publish('orders', [message({ id: 'a', dueAtMs: 9_000 })])
  const again = () => publisher.publish('orders', [message({ id: 'a', dueAtMs: hand.ms + 500 })])
  hand.ms = 9_000 + 60_001
  t.match(await again(), [{ duplicate: true }], 'overdue: it is pending still')
  wheel.state = { state: 'cancelled', dueAtMs: 9_000 }
  t.match(await again(), [{ duplicate: false, dueAtMs: hand.ms + 500 }])
})

t.test(
  'promise 9: while the disk is low nothing is published and no topic made; changing and deleting make room',
  async (t) => {
    const { engine, publisher, topics, space } = await rig()
    const before = engine.offsets('orders', 0)
    const low = { code: 'DISK_LOW', fields: { limit: 100 } }
    space.admit = () => {
      throw new DwellError('DISK_LOW', 'The disk is nearly full.', low.fields)
    }
    await t.rejects(publisher.publish('orders', [message()]), low)
    await t.rejects(publisher.publish('orders', [message({ dueAtMs: 90_000 })]), low)
    await t.rejects(publisher.publish('other', [message()]), low)
    await t.rejects(topics.put('other', {}), low)
    t.equal(topics.find('other'), undefined)
    t.strictSame(engine.offsets('orders', 0), before)
    await topics.put('orders', { retentionMs: 1_000 })
    await topics.delete('orders')
    space.admit = () => {}
    t.equal((await publisher.publish('other', [message()])).length, 1, 'and back without a restart')
  },
)

t.test('delayed messages wait for a wheel that has fallen behind, others do not', async (t) => {
  const { wheel, publisher, engine } = await rig(1_000)
  const caughtUp = Promise.withResolvers<void>()
  wheel.behind = caughtUp.promise
  const delayed = publisher.publish('orders', [message({ dueAtMs: 5_000, value: Buffer.alloc(900) })])
  await publisher.publish('orders', [message()])
  t.equal(engine.offsets('__delay', 0).highWatermark, 0, 'it waits')
  const more = publisher.publish('orders', [message({ dueAtMs: 5_000, value: Buffer.alloc(900) })])
  await t.rejects(more, { code: 'OVERLOADED' }, 'and what waits is bounded')
  caughtUp.resolve()
  await delayed
  t.equal(engine.offsets('__delay', 0).highWatermark, 1)
})
