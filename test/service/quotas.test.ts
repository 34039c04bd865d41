// The bounds of what is made, while it is being made: making takes as long as the disk does, and a count is a second old.

import t from 'tap'
import { Caller } from '../../service/access/caller.ts'
import { TopicScope } from '../../service/access/rights.ts'
import { Quotas } from '../../service/quotas/quotas.ts'
import { ManualClock } from '../support/manual-clock.ts'

const ANYONE = new Caller('anyone', ['admin'], new TopicScope(['*']))

function quotasOf(max: { topics?: number; partitions?: number; groups?: number }) {
  const clock = new ManualClock()
  const topics = new Map<string, number>()
  const groups = new Set<string>()
  const quotas = new Quotas({
    settings: { TOPICS_MAX: max.topics ?? 100, PARTITIONS_MAX: max.partitions ?? 100, GROUPS_MAX: max.groups ?? 100 },
    clock,
    topics: {
      list: () => [...topics].map(([name, partitions], id) => ({ name, id, partitions })),
      find: (name) => (topics.has(name) ? { name, id: 0, partitions: topics.get(name) as number } : undefined),
      isOwned: () => false,
    },
    groups: {
      stats: () => ({ groups: groups.size }),
      settingsOf: (topic, group) => (groups.has(`${topic}/${group}`) ? {} : undefined),
    },
  })
  return { quotas, clock, topics, groups }
}

t.test(
  'a topic that takes long to be made has its place all the while, and gives it back when that fails',
  async (t) => {
    const { quotas, clock, topics } = quotasOf({ topics: 2 })
    const first = quotas.reserveTopic(ANYONE, 'first', 1)
    const second = quotas.reserveTopic(ANYONE, 'second', 1)
    const again = quotas.reserveTopic(ANYONE, 'second', 1)
    await clock.advance(5_000)
    t.throws(() => quotas.reserveTopic(ANYONE, 'third', 1), { code: 'TOO_MANY_TOPICS' })
    topics.set('first', 1)
    first()
    second()
    await clock.advance(5_000)
    t.throws(
      () => quotas.reserveTopic(ANYONE, 'third', 1),
      { code: 'TOO_MANY_TOPICS' },
      'the other request makes it still',
    )
    again()
    await clock.advance(5_000)
    t.doesNotThrow(() => quotas.reserveTopic(ANYONE, 'third', 1))
  },
)

t.test('so have partitions, of new topics and of those that grow', async (t) => {
  const { quotas, clock, topics } = quotasOf({ partitions: 10 })
  topics.set('grows', 2)
  const grown = quotas.reserveTopic(ANYONE, 'grows', 5)
  quotas.reserveTopic(ANYONE, 'new', 4)
  await clock.advance(5_000)
  t.throws(() => quotas.reserveTopic(ANYONE, 'more', 2), { code: 'TOO_MANY_PARTITIONS' })
  topics.set('grows', 5)
  grown()
  await clock.advance(5_000)
  t.throws(() => quotas.reserveTopic(ANYONE, 'more', 2), { code: 'TOO_MANY_PARTITIONS' }, 'it counts once')
  t.doesNotThrow(() => quotas.reserveTopic(ANYONE, 'more', 1))
})

t.test('so have groups, each once however many requests make it', async (t) => {
  const { quotas, groups } = quotasOf({ groups: 2 })
  const releases = ['one', 'one', 'two'].map((group) => quotas.reserveGroup('orders', group))
  t.throws(() => quotas.reserveGroup('orders', 'three'), { code: 'TOO_MANY_GROUPS' })
  groups.add('orders/one')
  t.throws(() => quotas.reserveGroup('orders', 'three'), { code: 'TOO_MANY_GROUPS' })
  for (const release of releases) release()
  t.doesNotThrow(() => quotas.reserveGroup('orders', 'three'), 'the second failed')
  t.throws(() => quotas.reserveGroup('orders', 'four'), { code: 'TOO_MANY_GROUPS' })
})

t.test('what a token may have counts what is being made for it', async (t) => {
  const { quotas } = quotasOf({})
  const allowance = { limits: { topics: 1 } } as Caller['allowance']
  const shop = new Caller('shop', ['publish'], new TopicScope(['shop.*']), allowance)
  quotas.reserveTopic(shop, 'shop.a', 1)
  t.throws(() => quotas.reserveTopic(shop, 'shop.b', 1), { code: 'TOO_MANY_TOPICS', fields: { limit: 1 } })
})
