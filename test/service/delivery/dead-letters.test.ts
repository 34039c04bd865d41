import t from 'tap'
import { GroupRig, textOf } from './group-rig.ts'

/** Six dead letters in two partitions, a second apart: a0 a1 a2 in the first, b0 b1 b2 in the second. */
async function startWithDead() {
  const rig = await GroupRig.start({ orders: 2 }, { retry: [] })
  const startMs = rig.clock.wallMs()
  for (const [partition, prefix] of ['a', 'b'].entries()) {
    for (const n of [0, 1, 2]) {
      const header = Buffer.from(String(n))
      await rig.publish('orders', [`${prefix}${n}`], partition, `key-${n}`, [['n', header]])
      const { receipt } = await rig.one()
      const type = n === 0 ? 'reject' : 'release'
      await rig.groups.acknowledge('orders', 'billing', [{ receipt, type, reason: `because of ${prefix}${n}` }])
      await rig.clock.advance(1_000)
    }
  }
  return { rig, startMs }
}

t.test('pages have a stable cursor, also when records die meanwhile', async (t) => {
  const { rig } = await startWithDead()
  const seen: string[] = []
  let after: string | null | undefined
  do {
    const page = await rig.groups.deadLetters.list('orders', 'billing', { limit: 2, after: after ?? undefined })
    seen.push(...page.records.map(textOf))
    after = page.after
    if (seen.length === 2) {
      await rig.publish('orders', ['a3'], 0)
      const { receipt } = await rig.one()
      await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'reject' }])
    }
  } while (after !== null)
  t.same(seen, ['a0', 'a1', 'a2', 'a3', 'b0', 'b1', 'b2'])
})

t.test('filters', async (t) => {
  const { rig, startMs } = await startWithDead()
  const rows = [
    [{}, 'a0 a1 a2 b0 b1 b2'],
    [{ reason: 'of a' }, 'a0 a1 a2'],
    [{ reason: '.*' }, ''],
    [{ cause: 'CLIENT_REJECT' }, 'a0 b0'],
    [{ cause: 'DELIVERY_COUNT_EXCEEDED' }, 'a1 a2 b1 b2'],
    [{ cause: 'NONSENSE' }, ''],
    [{ key: 'key-1' }, 'a1 b1'],
    [{ headers: { n: '2' } }, 'a2 b2'],
    [{ headers: { n: '2', other: 'x' } }, ''],
    [{ fromMs: startMs + 1_000, toMs: startMs + 4_000 }, 'a1 a2 b0'],
    [{ key: 'key-0', reason: 'b' }, 'a0 b0'],
  ] as const
  for (const [filter, expected] of rows) {
    const { records } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 100, filter })
    t.equal(records.map(textOf).join(' '), expected, JSON.stringify(filter))
    const count = expected === '' ? 0 : expected.split(' ').length
    t.equal(await rig.groups.deadLetters.count('orders', 'billing', filter), count)
  }
})

t.test('nothing died, or there is no such group', async (t) => {
  const rig = await GroupRig.start()
  t.same(await rig.groups.deadLetters.list('orders', 'billing', { limit: 1 }), { records: [], after: null })
  t.equal(await rig.groups.deadLetters.count('orders', 'billing'), 0)
  t.equal(await rig.groups.deadLetters.count('orders', 'billing', { key: 'x' }), 0)
})

t.test('a cursor that no page answered', async (t) => {
  const { rig } = await startWithDead()
  for (const after of ['', 'x', '1', '1.2.3', '-1.0', '9'.repeat(40)]) {
    await t.rejects(rig.groups.deadLetters.list('orders', 'billing', { limit: 1, after }), { code: 'CURSOR_INVALID' })
  }
  t.same(await rig.groups.deadLetters.list('orders', 'billing', { limit: 1, after: '99.0' }), {
    records: [],
    after: null,
  })
})

t.test('looking changes nothing', async (t) => {
  const { rig } = await startWithDead()
  const before = [...rig.engine.topics()].map(({ name }) => [name, rig.engine.offsets(name, 0)])
  await rig.groups.deadLetters.list('orders', 'billing', { limit: 100 })
  await rig.groups.deadLetters.count('orders', 'billing', { key: 'x' })
  rig.groups.describe('orders', 'billing')
  rig.groups.list('orders')
  t.same(
    [...rig.engine.topics()].map(({ name }) => [name, rig.engine.offsets(name, 0)]),
    before,
  )
})

t.test('a record that somebody published into the dead letters by hand', async (t) => {
  const { rig } = await startWithDead()
  await rig.publish('orders.billing.dlq', ['by hand'], 1)
  const { records } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 1, after: '1.3' })
  t.match(records, [{ topic: 'orders.billing.dlq', partition: 1, offset: 3, deliveryCount: 0, attempts: [] }])
})
