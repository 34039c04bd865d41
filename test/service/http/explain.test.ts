// Explain, over the real service: every state that it can tell, each made to be, and what it says then.

import t from 'tap'
import { BECAUSE, GROUP_RECORD_STATES, MESSAGE_STATES } from '../../../service/delivery/explain/explanation.ts'
import type { Settings } from '../../../service/settings.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { type Answer, startService } from '../running-service.ts'

const TIERS = ['5s', '10s']

interface Record {
  receipt: string
  value: unknown
}

/** One topic with a group, and what a row does with them. */
interface Scene {
  clock: ManualClock
  topic: string
  call(method: string, path: string, body?: unknown): Promise<Answer>
  publish(...messages: object[]): Promise<void>
  acquire(max?: number): Promise<Record[]>
  say(records: Record[], type: string, more?: object): Promise<void>
  explain(query: string): Promise<Answer>
}

interface Row {
  name: string
  make(scene: Scene): Promise<void>
  query?: string
  says: object
  events?: string[]
  why: RegExp
}

const FIRST = 'partition=0&offset=0&group=g'

const ROWS: Row[] = [
  {
    name: 'an id that nobody published',
    make: async () => {},
    query: 'id=nobody&group=g',
    says: { state: 'unknown', id: 'nobody', group: 'g' },
    events: [],
    why: /^No message with this id is pending, and none was .* within the last 10m\.$/,
  },
  {
    name: 'a delayed message',
    make: ({ publish }) => publish({ id: 'a', value: 1, delay: '30m' }),
    query: 'id=a&group=g',
    says: { state: 'pending', because: 'not-due', id: 'a', next: { event: 'dispatched' } },
    events: ['scheduled'],
    why: /^It is delayed until 2026-.*, in 30m\.$/,
  },
  {
    name: 'a delayed message that was moved',
    make: async ({ publish, call, topic, clock }) => {
      await publish({ id: 'a', value: 1, delay: '30m' })
      await clock.advance(60_000)
      await call('PATCH', `/v1/topics/${topic}/delayed/a`, { delay: '1h' })
    },
    query: 'id=a',
    says: { state: 'pending', because: 'not-due' },
    events: ['scheduled'],
    why: /in 1h\.$/,
  },
  {
    name: 'a cancelled message',
    make: async ({ publish, call, topic }) => {
      await publish({ id: 'a', value: 1, delay: '30m' })
      await call('DELETE', `/v1/topics/${topic}/delayed/a`)
    },
    query: 'id=a&group=g',
    says: { state: 'cancelled', next: undefined },
    events: ['scheduled', 'cancelled'],
    why: /^It was cancelled before it was due, and will not come\.$/,
  },
  {
    name: 'a message in the log of a topic, without saying which group',
    make: ({ publish }) => publish({ id: 'a', value: 1 }),
    query: 'id=a',
    says: { state: 'logged', id: 'a', partition: 0, offset: 0, groups: [{ group: 'g', state: 'ready', ahead: 0 }] },
    events: ['published'],
    why: /^It is in the log, in partition 0 at offset 0; what its group did with it stands in groups\.$/,
  },
  {
    name: 'a dispatched message that nobody asks for',
    make: async ({ publish, call, topic, clock }) => {
      await publish({ id: 'a', value: 1, delay: '2s' })
      for (let i = 0; i < 3; i++) await clock.advance(1_000)
      while ((await call('GET', `/v1/topics/${topic}/delayed/a`)).json.state !== 'dispatched') await clock.advance(0)
    },
    query: 'id=a&group=g',
    says: { state: 'ready', because: 'no-consumer', ahead: 0, deliveryCount: 0, next: { event: 'acquired' } },
    events: ['scheduled', 'dispatched'],
    why: /^It is the next one, and nobody asks for records at this moment\.$/,
  },
  {
    name: 'a record that others come before',
    make: async ({ publish }) => publish({ value: 1 }, { value: 2 }, { value: 3 }),
    query: 'partition=0&offset=2&group=g',
    says: { state: 'ready', because: 'records-ahead', ahead: 2 },
    why: /^2 records of this partition are before it, and nobody asks/,
  },
  {
    name: 'a record of a paused group',
    make: async ({ publish, call, topic }) => {
      await publish({ value: 1 })
      await call('POST', `/v1/topics/${topic}/groups/g/pause`, { reason: 'bank offline' })
    },
    says: { state: 'ready', because: 'paused' },
    why: /^The group is paused since 2026-.*: bank offline\.$/,
  },
  {
    name: 'a record when as much is in flight as may be',
    make: async ({ publish, acquire, call, topic }) => {
      await call('PUT', `/v1/topics/${topic}/groups/g`, { maxInFlight: 2 })
      await publish({ value: 1 }, { value: 2 }, { value: 3 })
      await acquire(2)
    },
    query: 'partition=0&offset=2&group=g',
    says: { state: 'ready', because: 'in-flight-bound', ahead: 0 },
    why: /2 records of this partition are in flight: no more than 2 may be\.$/,
  },
  {
    name: 'a record that a consumer has',
    make: async ({ publish, acquire }) => {
      await publish({ value: 1 })
      await acquire()
    },
    says: {
      state: 'acquired',
      because: 'locked',
      deliveryCount: 1,
      next: { event: 'lock-expires', to: '5s' },
    },
    events: ['published', 'acquired'],
    why: /^A consumer has it, for the 1st time, under a lock until 2026-.*, in 30s; .* it goes to the tier of 5s\.$/,
  },
  {
    name: 'a record whose lock was renewed',
    make: async ({ publish, acquire, say }) => {
      await publish({ value: 1 })
      await say(await acquire(), 'renew', { lock: '2m' })
    },
    says: { state: 'acquired', because: 'locked' },
    events: ['published', 'acquired', 'renewed'],
    why: /in 2m;/,
  },
  {
    name: 'a record that waits in a tier',
    make: async ({ publish, acquire, say }) => {
      await publish({ value: 1 })
      await say(await acquire(), 'release', { reason: 'bank offline' })
    },
    says: { state: 'retrying', because: 'tier', tier: '5s', deliveryCount: 1, next: { event: 'due' } },
    events: ['published', 'acquired', 'released'],
    why: /^Its last try failed; it waits for the tier of 5s, until 2026-.*, in 5s\.$/,
  },
  {
    name: 'a record whose lock ran out',
    make: async ({ publish, acquire, clock, explain }) => {
      await publish({ value: 1 })
      await acquire()
      await clock.advance(30_001)
      while ((await explain(FIRST)).json.because === 'settling') await clock.advance(0)
    },
    says: { state: 'retrying', tier: '5s' },
    events: ['published', 'acquired', 'lock-expired'],
    why: /waits for the tier of 5s/,
  },
  {
    name: 'a record whose tier is over',
    make: async ({ publish, acquire, say, clock }) => {
      await publish({ value: 1 })
      await say(await acquire(), 'release')
      await clock.advance(5_000)
    },
    says: { state: 'ready', because: 'no-consumer', tier: '5s', deliveryCount: 1 },
    why: /^It is the next one, and nobody asks/,
  },
  {
    name: 'a record that waits with a delay of its own',
    make: async ({ publish, acquire, say }) => {
      await publish({ value: 1 })
      await say(await acquire(), 'release', { delay: '1h', reason: 'closed' })
    },
    says: { state: 'retrying', because: 'own-delay', tier: 'delayed', deliveryCount: 1 },
    events: ['published', 'acquired', 'released'],
    why: /it waits for a delay of its own, until 2026-.*, in 1h\.$/,
  },
  {
    name: 'a record that waits with a delay of its own and keeps its key',
    make: async ({ publish, acquire, say, call, topic }) => {
      await call('PUT', `/v1/topics/${topic}/groups/g`, { order: 'key' })
      await publish({ value: 1, key: 'k' })
      await say(await acquire(), 'release', { delay: '1h' })
    },
    says: { state: 'retrying', because: 'own-delay', tier: 'delayed' },
    why: /in 1h\.$/,
  },
  {
    name: 'a record that waits for its tier with jitter',
    make: async ({ publish, acquire, say, call, topic }) => {
      await call('PUT', `/v1/topics/${topic}/groups/g`, { jitter: 0.5 })
      await publish({ value: 1 })
      await say(await acquire(), 'release')
    },
    says: { state: 'retrying', because: 'own-delay', tier: 'delayed', deliveryCount: 1 },
    why: /it waits for its tier with jitter, or a delay of its own, until 2026-/,
  },
  {
    name: 'a record out of the second tier, with a consumer for the third time',
    make: async ({ publish, acquire, say, clock }) => {
      await publish({ value: 1 })
      for (const waitMs of [5_000, 10_000]) {
        await say(await acquire(), 'release', { reason: 'no' })
        await clock.advance(waitMs)
      }
      await acquire()
    },
    says: { state: 'acquired', deliveryCount: 3, next: { to: 'dead' } },
    events: ['published', 'acquired', 'released', 'acquired', 'released', 'acquired'],
    why: /^A consumer has it, for the 3rd time, .* it goes to the dead letters\.$/,
  },
  {
    name: 'a record that waits for its key, passed over',
    make: async ({ publish, acquire, call, topic }) => {
      await call('PUT', `/v1/topics/${topic}/groups/g`, { order: 'key' })
      await publish({ value: 1, key: 'k' }, { value: 2, key: 'k' }, { value: 3, key: 'k' }, { value: 4, key: 'other' })
      await acquire()
    },
    query: 'partition=0&offset=2&group=g',
    says: { state: 'parked', because: 'key-busy', ahead: 1, next: { event: 'freed' } },
    why: /an earlier record of its key \(offset 0\) is in flight, and 1 record of the key waits before it\.$/,
  },
  {
    name: 'a record that waits for its key, which waits in a tier',
    make: async ({ publish, acquire, say, call, topic }) => {
      await call('PUT', `/v1/topics/${topic}/groups/g`, { order: 'key' })
      await publish({ value: 1, key: 'k' })
      await say(await acquire(), 'release')
      await publish({ value: 2, key: 'k' })
    },
    query: 'partition=0&offset=1&group=g',
    says: { state: 'parked', because: 'key-busy', ahead: 0 },
    why: /an earlier record of its key waits for its retry\.$/,
  },
  {
    name: 'an accepted record',
    make: async ({ publish, acquire, say }) => {
      await publish({ value: 1 })
      await say(await acquire(), 'accept')
    },
    says: { state: 'accepted', deliveryCount: 1, next: undefined },
    events: ['published', 'acquired', 'accepted'],
    why: /^The group is done with it: a consumer accepted it at 2026-/,
  },
  {
    name: 'a record that was accepted at its second delivery',
    make: async ({ publish, acquire, say, clock }) => {
      await publish({ value: 1 })
      await say(await acquire(), 'release', { reason: 'later' })
      await clock.advance(5_000)
      await say(await acquire(), 'accept')
    },
    says: { state: 'accepted', deliveryCount: 2 },
    events: ['published', 'acquired', 'released', 'acquired', 'accepted'],
    why: /accepted it/,
  },
  {
    name: 'a record before the place where the group began',
    make: async ({ publish, call, topic }) => {
      await publish({ value: 1 })
      await call('POST', `/v1/topics/${topic}/groups/g/reset`, { to: 'latest' })
    },
    says: { state: 'finished' },
    events: ['published'],
    why: /^The group has nothing to do with it: it lies before the place at which the group began or was reset\.$/,
  },
  {
    name: 'a rejected record',
    make: async ({ publish, acquire, say }) => {
      await publish({ value: 1 })
      await say(await acquire(), 'reject', { reason: 'unknown customer' })
    },
    says: { state: 'dead', deliveryCount: 1, next: { event: 'redrive-or-purge' } },
    events: ['published', 'acquired', 'rejected', 'died'],
    why: /^It is a dead letter after 1 delivery, because a consumer rejected it: unknown customer\.$/,
  },
  {
    name: 'a record that failed in all tiers',
    make: async ({ publish, acquire, say, clock }) => {
      await publish({ value: 1 })
      for (const waitMs of [5_000, 10_000, 0]) {
        await say(await acquire(), 'release', { reason: 'bank offline.' })
        await clock.advance(waitMs)
      }
    },
    says: { state: 'dead', deliveryCount: 3 },
    why: /^It is a dead letter after 3 deliveries, because no tier is left: bank offline\.$/,
  },
  {
    name: 'a redriven record',
    make: async (scene) => {
      await scene.publish({ value: 1 })
      await scene.say(await scene.acquire(), 'reject')
      await redrive(scene)
    },
    says: { state: 'ready', because: 'no-consumer', tier: 'redrive', deliveryCount: 0 },
    events: ['published', 'acquired', 'rejected', 'redriven'],
    why: /^It is the next one/,
  },
  {
    name: 'a redriven record that was accepted',
    make: async (scene) => {
      await scene.publish({ value: 1 })
      await scene.say(await scene.acquire(), 'reject')
      await redrive(scene)
      await scene.clock.advance(1)
      await scene.say(await scene.acquire(), 'accept')
    },
    says: { state: 'accepted' },
    events: ['published', 'acquired', 'rejected', 'died', 'redriven', 'acquired', 'accepted'],
    why: /accepted it/,
  },
  {
    name: 'a purged record',
    make: async ({ publish, acquire, say, call, topic }) => {
      await publish({ value: 1 })
      await say(await acquire(), 'reject')
      await call('POST', `/v1/topics/${topic}/groups/g/dead-letters/purge`, {})
    },
    says: { state: 'purged', next: undefined },
    events: ['published', 'acquired', 'rejected', 'died'],
    why: /removed for good: purged\.$/,
  },
]

async function redrive({ call, topic, clock }: Scene): Promise<void> {
  const { task } = (await call('POST', `/v1/topics/${topic}/groups/g/dead-letters/redrive`, {})).json
  while ((await call('GET', `/v1/redrives/${task}`)).json.state === 'running') await clock.advance(10)
}

async function stage(t: Tap, settings: Partial<Settings> = {}) {
  const clock = new ManualClock()
  const { call } = await startService(t, settings, { clock })
  let topics = 0
  const scene = async (): Promise<Scene> => {
    const topic = `t-${topics++}`
    const group = `/v1/topics/${topic}/groups/g`
    await call('PUT', `/v1/topics/${topic}`, { partitions: 1 })
    await call('PUT', group, { retry: TIERS })
    return {
      clock,
      topic,
      call,
      publish: async (...messages) => void (await call('POST', `/v1/topics/${topic}/messages`, { messages })),
      acquire: async (max = 10) => (await call('POST', `${group}/acquire`, { max })).json.records,
      say: async (records, type, more) => {
        const acknowledgements = records.map(({ receipt }) => ({ receipt, type, ...more }))
        await call('POST', `${group}/acknowledge`, { acknowledgements })
      },
      explain: (query) => call('GET', `/v1/topics/${topic}/explain?${query}`),
    }
  }
  return { clock, call, scene }
}

type Tap = Parameters<typeof startService>[0]

t.test('what is refused', async (t) => {
  const { call, scene } = await stage(t)
  const { topic, publish } = await scene()
  await publish({ value: 1 })
  const rows: [query: string, status: number, code: string, more?: object][] = [
    ['', 400, 'MISSING_FIELD', { field: 'id' }],
    ['group=g', 400, 'MISSING_FIELD', { field: 'id' }],
    ['partition=0', 400, 'MISSING_FIELD', { field: 'offset' }],
    ['offset=0', 400, 'MISSING_FIELD', { field: 'partition' }],
    ['id=a&partition=0&offset=0', 400, 'CONFLICTING_FIELDS', { field: 'partition' }],
    ['id=a&offset=0', 400, 'CONFLICTING_FIELDS', { field: 'offset' }],
    ['id=', 400, 'INVALID_FIELD', { field: 'id' }],
    [`id=${'x'.repeat(201)}`, 400, 'INVALID_FIELD', { field: 'id', limit: 200 }],
    ['partition=0&offset=-1', 400, 'INVALID_FIELD'],
    ['partition=0&offset=1.5', 400, 'INVALID_FIELD'],
    ['partition=0&offset=1e20', 400, 'INVALID_FIELD'],
    ['partition=1&offset=0', 404, 'PARTITION_NOT_FOUND', { limit: 0 }],
    ['partition=0&offset=1', 416, 'OFFSET_OUT_OF_RANGE', { logStartOffset: 0, highWatermark: 1 }],
    ['partition=0&offset=0&group=nobody', 404, 'GROUP_NOT_FOUND'],
    ['id=a&group=nobody', 404, 'GROUP_NOT_FOUND'],
    ['id=a&group=..', 400, 'INVALID_NAME'],
    ['id=a&verbose=1', 400, 'UNKNOWN_FIELD'],
  ]
  for (const [query, status, code, more] of rows) {
    const answer = await call('GET', `/v1/topics/${topic}/explain?${query}`)
    t.match(answer, { status, json: { code, ...more } }, query)
  }
  t.match(await call('GET', '/v1/topics/nope/explain?id=a'), { status: 404, json: { code: 'TOPIC_NOT_FOUND' } })
  t.match(await call('GET', '/v1/topics/__delay/explain?id=a'), { status: 400, json: { code: 'INVALID_NAME' } })
})

t.test('the words of the document are those of the program', async (t) => {
  const { call } = await stage(t)
  const { properties } = (await call('GET', '/openapi.json')).json.components.schemas.Explanation
  t.strictSame(properties.state.enum, [...new Set([...MESSAGE_STATES, ...GROUP_RECORD_STATES])])
  t.strictSame(properties.because.enum, Object.keys(BECAUSE))
})

t.test('what is told, by what became of the message', async (t) => {
  const { scene } = await stage(t)
  for (const { name, make, query = FIRST, says, events, why } of ROWS) {
    await t.test(name, async (t) => {
      const at = await scene()
      await make(at)
      const { status, json } = await at.explain(query)
      t.equal(status, 200)
      t.match(json, says)
      for (const [member, value] of Object.entries(says)) {
        if (value === undefined) t.equal(json[member], undefined, `no ${member}`)
      }
      t.match(json.why, why)
      if (events !== undefined)
        t.strictSame(
          json.happened.map(({ event }: { event: string }) => event),
          events,
        )
      const times = json.happened.map(({ atMs }: { atMs: number }) => atMs)
      t.strictSame(
        times,
        times.toSorted((a: number, b: number) => a - b),
        'in order of time',
      )
      t.strictSame((await at.explain(query)).json, json, 'looking changes nothing')
    })
  }
})
