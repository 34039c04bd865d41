// The consumer against a group that a test plays, on a clock that a test moves.

import t from 'tap'
import {
  type Acknowledgement,
  type AcknowledgeResult,
  type Acquired,
  CallError,
  Consumer,
  type ConsumerOptions,
  type Group,
  type Handler,
} from '../../../service/client/index.ts'
import { ManualSurroundings, turns } from './manual-surroundings.ts'

let unhandled = 0
process.on('unhandledRejection', () => unhandled++)

/** A group whose records come when the test says so. */
class PlayedGroup {
  readonly acquires: { max: number; resolve(found: Acquired): void; reject(error: unknown): void }[] = []
  readonly said: Acknowledgement[] = []
  answer: (acknowledgement: Acknowledgement) => AcknowledgeResult = ({ type }) => RESULTS[type]
  #next = 0

  acquire({ max = 0, signal }: { max?: number; signal?: AbortSignal }): Promise<Acquired> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason))
      if (signal?.aborted) reject(signal.reason)
      this.acquires.push({ max, resolve, reject })
    })
  }

  async acknowledge(acknowledgements: readonly Acknowledgement[]): Promise<AcknowledgeResult[]> {
    this.said.push(...acknowledgements)
    return acknowledgements.map(this.answer)
  }

  /** Answers the last call with so many records. */
  async hand(count: number): Promise<void> {
    const records = Array.from({ length: count }, () => {
      const offset = this.#next++
      return { receipt: `r${offset}`, topic: 'orders', partition: 0, offset, key: null, value: offset, headers: {}, timestamp: '', deliveryCount: 1, lockedUntil: '' } // biome-ignore format: short
    })
    this.acquires.at(-1)?.resolve({ records })
    await turns()
  }

  async fail(code: string): Promise<void> {
    this.acquires.at(-1)?.reject(new CallError({ code, sentence: `${code}.`, status: code === 'FORBIDDEN' ? 403 : 0 }))
    await turns()
  }
}

const RESULTS: Record<Acknowledgement['type'], AcknowledgeResult> = {
  accept: { state: 'acknowledged' },
  release: { state: 'retrying', dueAt: '', dueAtMs: 0, tier: '5s' },
  reject: { state: 'dead' },
  renew: { state: 'acquired', lockedUntil: '' },
}

function play(handler: Handler<number>, options: ConsumerOptions = {}) {
  const group = new PlayedGroup()
  const surroundings = new ManualSurroundings()
  const errors: string[] = []
  const onError = ({ code }: CallError) => errors.push(code)
  const consumer = new Consumer<number>(group as unknown as Group, handler, { onError, ...options }, surroundings)
  return { group, surroundings, consumer, errors }
}

t.test('what the handler answers is what becomes of the record', async (t) => {
  const answers: Handler<number>[] = [
    () => undefined,
    () => ({ type: 'accept' }),
    async () => ({ type: 'release', delay: '1m', reason: 'bank offline' }),
    () => ({ type: 'reject', reason: 'unknown customer' }),
    () => {
      throw new Error('boom')
    },
    async () => Promise.reject('no error at all'),
    () => 'nonsense' as never,
  ]
  const { group, consumer } = play((record, context) => answers[record.value](record, context))
  await group.hand(answers.length)
  const said = group.said.toSorted((a, b) => (a.receipt < b.receipt ? -1 : 1))
  t.match(said, [
    { receipt: 'r0', type: 'accept' },
    { receipt: 'r1', type: 'accept' },
    { receipt: 'r2', type: 'release', delay: '1m', reason: 'bank offline' },
    { receipt: 'r3', type: 'reject', reason: 'unknown customer' },
    { receipt: 'r4', type: 'release', reason: 'boom' },
    { receipt: 'r5', type: 'release', reason: 'no error at all' },
    { receipt: 'r6', type: 'release', reason: 'The handler answered something that is no outcome.' },
  ])
  t.same(consumer.stats, { acquired: 7, accepted: 2, retrying: 4, dead: 1, lost: 0 })
  await consumer.stop()
})

t.test('no more is acquired than there are hands for', async (t) => {
  const ends: (() => void)[] = []
  const { group, consumer } = play(() => new Promise<void>((resolve) => ends.push(resolve)), { concurrency: 3 })
  t.equal(group.acquires[0].max, 3)
  await group.hand(2)
  t.equal(group.acquires[1].max, 1)
  await group.hand(1)
  t.equal(group.acquires.length, 2, 'all hands are full')
  ends[0]()
  await turns()
  t.equal(group.acquires[2].max, 1)
  for (const end of ends) end()
  await consumer.stop()
  t.equal(consumer.stats.accepted, 3)
})

t.test('a lock is renewed at a third, and a handler that has lost it is told', async (t) => {
  const signals: AbortSignal[] = []
  const ends: (() => void)[] = []
  const { group, surroundings, consumer } = play((_record, { signal }) => {
    signals.push(signal)
    return new Promise<void>((resolve) => ends.push(resolve))
  }, { lockMs: 12_000 }) // biome-ignore format: short
  await group.hand(2)
  await surroundings.advance(3_900)
  t.equal(group.said.length, 0)
  await surroundings.advance(1_200)
  t.same(group.said.map(({ type }) => type), ['renew', 'renew']) // biome-ignore format: short
  await surroundings.advance(4_500)
  t.equal(group.said.length, 4, 'and again')
  group.answer = ({ receipt, type }) => (receipt === 'r0' ? { state: 'invalid', code: 'INVALID_RECORD_STATE' } : RESULTS[type]) // biome-ignore format: short
  await surroundings.advance(5_000)
  t.match(signals[0].reason, { code: 'LOCK_LOST' })
  t.notOk(signals[1].aborted)
  for (const end of ends) end()
  await turns()
  t.notOk(
    group.said.some(({ receipt, type }) => receipt === 'r0' && type !== 'renew'),
    'nothing is said of what is lost',
  )
  t.match(consumer.stats, { accepted: 1, lost: 1 })
  await consumer.stop()
  t.equal(surroundings.waiting, 0, 'no timer is left')
})

t.test('stop lets handlers finish, then tells the rest and releases them', async (t) => {
  const ends: (() => void)[] = []
  const { group, surroundings, consumer } = play(({ value }, { signal }) => {
    // The second one does not listen, the third one does.
    if (value === 2) return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    return new Promise<void>((resolve) => ends.push(resolve))
  }, { stopWithinMs: 10_000 }) // biome-ignore format: short
  await group.hand(3)
  let isStopped = false
  void consumer.stop().then(() => (isStopped = true))
  await turns()
  ends[0]()
  await surroundings.advance(9_000)
  t.notOk(isStopped)
  await surroundings.advance(1_500)
  t.ok(isStopped)
  const last = group.said.filter(({ type }) => type !== 'renew')
  t.match(last, [{ receipt: 'r0', type: 'accept' }, { receipt: 'r1', type: 'release', reason: 'The consumer is stopped.' }, { receipt: 'r2', type: 'release', reason: 'The consumer is stopped.' }]) // biome-ignore format: short
  t.equal(surroundings.waiting, 0)
})

t.test('errors are told and tried again, ever more slowly; one that cannot get better ends it', async (t) => {
  const { group, surroundings, consumer, errors } = play(() => {})
  await group.fail('UNREACHABLE')
  t.equal(group.acquires.length, 1)
  await surroundings.advance(100)
  t.equal(group.acquires.length, 2)
  await group.fail('UNREACHABLE')
  await surroundings.advance(100)
  t.equal(group.acquires.length, 2, 'longer than before')
  await surroundings.advance(100)
  await group.hand(1)
  t.equal(consumer.stats.accepted, 1)
  await group.fail('TOPIC_NOT_FOUND')
  await surroundings.advance(100)
  t.equal(group.acquires.length, 5, 'the first message makes the topic')
  await group.fail('FORBIDDEN')
  t.same(errors, ['UNREACHABLE', 'UNREACHABLE', 'TOPIC_NOT_FOUND', 'FORBIDDEN'])
  await turns()
  t.equal(unhandled, 0, 'nobody waits for done')
  await t.rejects(consumer.done, { code: 'FORBIDDEN' })
  await consumer.stop()
})

t.test('an acknowledgement that fails, and a listener that throws, end nothing', async (t) => {
  const warned = t.capture(process, 'emitWarning', () => {})
  const { group, consumer } = play(() => {}, { onError: () => { throw new Error('listener') } }) // biome-ignore format: short
  group.acknowledge = () => Promise.reject(new CallError({ code: 'UNREACHABLE', sentence: '' }))
  await group.hand(1)
  t.match(consumer.stats, { acquired: 1, lost: 1 })
  t.equal(group.acquires.length, 2, 'it goes on')
  t.match(warned()[0].args[0], /onError of a Dwell consumer threw: listener/)
  await consumer.stop()
  t.equal(unhandled, 0)
})

t.test('it ends after so many, or when there is nothing', async (t) => {
  const some = play(() => {}, { recordsMax: 5, concurrency: 4 })
  await some.group.hand(4)
  t.equal(some.group.acquires.at(-1)?.max, 1)
  await some.group.hand(1)
  await some.consumer.done
  t.equal(some.group.acquires.length, 2)
  const all = play(() => {}, { untilEmpty: true })
  await all.group.hand(2)
  await all.group.hand(0)
  await all.consumer.done
  t.equal(all.consumer.stats.accepted, 2)
  const none = play(() => {}, { untilEmpty: true })
  await none.group.fail('TOPIC_NOT_FOUND')
  await t.rejects(none.consumer.done, { code: 'TOPIC_NOT_FOUND' })
})

t.test('a signal stops it, also one that was aborted before', async () => {
  const abort = new AbortController()
  const { consumer } = play(() => {}, { signal: abort.signal })
  await turns()
  abort.abort()
  await consumer.done
  await play(() => {}, { signal: AbortSignal.abort() }).consumer.done
})

t.test('what cannot work is refused, what is undefined is the default', async (t) => {
  await play(() => {}, { concurrency: undefined, lockMs: undefined }).consumer.stop()
  for (const options of [{ concurrency: 0 }, { lockMs: -1 }, { waitMs: Number.NaN }])
    t.throws(() => play(() => {}, options), { code: 'INVALID_ARGUMENT' }, JSON.stringify(options))
})
