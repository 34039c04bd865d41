import t from 'tap'
import { DwellError } from '../../../../storage/index.ts'
import { GroupRig, textOf } from '../group-rig.ts'

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

t.test('nothing died', async (t) => {
  const rig = await GroupRig.start()
  await rig.groups.configure('orders', 'billing', {})
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

t.test('no such topic or group; of a forgotten one the dead letters are still there', async (t) => {
  const { rig } = await startWithDead()
  const { deadLetters } = rig.groups
  for (const filter of [undefined, { key: 'x' }]) {
    await t.rejects(deadLetters.list('nope', 'billing', { limit: 1, filter }), { code: 'TOPIC_NOT_FOUND' })
    await t.rejects(deadLetters.list('orders', 'nope', { limit: 1, filter }), { code: 'GROUP_NOT_FOUND' })
    await t.rejects(deadLetters.count('nope', 'billing', filter), { code: 'TOPIC_NOT_FOUND' })
    await t.rejects(deadLetters.count('orders', 'nope', filter), { code: 'GROUP_NOT_FOUND' })
  }
  await rig.groups.forget('orders', 'billing')
  t.equal((await deadLetters.list('orders', 'billing', { limit: 100 })).records.length, 6)
  t.equal(await deadLetters.count('orders', 'billing'), 6)
  await rig.engine.deleteTopic('orders.billing.dlq')
  await t.rejects(deadLetters.count('orders', 'billing'), { code: 'GROUP_NOT_FOUND' })
})

t.test('what was published into the dead-letter topic before there was a group never died', async (t) => {
  const rig = await GroupRig.start({ orders: 1, 'orders.billing.dlq': 1 }, { retry: [] })
  const { deadLetters } = rig.groups
  await rig.publish('orders.billing.dlq', ['by hand', 'by hand'], 0, 'key-0')
  await rig.publish('orders', ['dead', 'dead too'], 0, 'key-0')
  t.equal(await deadLetters.count('orders', 'billing'), 0)
  for (const [n, value] of ['dead', 'dead too'].entries()) {
    const { receipt } = await rig.one()
    await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'release' }])
    const page = await deadLetters.list('orders', 'billing', { limit: 1, after: `0.${2 + n}` })
    t.match(page.records.map(textOf), [value])
    t.equal(await deadLetters.count('orders', 'billing'), n + 1)
    t.equal(await deadLetters.count('orders', 'billing', { key: 'key-0' }), n + 1)
  }
  const { records, after } = await deadLetters.list('orders', 'billing', { limit: 2 })
  t.match(records, [
    { offset: 0, place: { offset: 2 } },
    { offset: 1, place: { offset: 3 } },
  ])
  t.equal(after, null)
})

t.test('counting again reads only what came since, also after a trim, and anew a new topic', async (t) => {
  const { rig } = await startWithDead()
  const { deadLetters } = rig.groups
  const name = 'orders.billing.dlq'
  t.equal(await deadLetters.count('orders', 'billing'), 6)
  const read = rig.engine.read.bind(rig.engine)
  const reads: number[] = []
  rig.engine.read = async (topic, partition, fromOffset, maxBytes) => {
    if (topic === name) reads.push(fromOffset)
    return read(topic, partition, fromOffset, maxBytes)
  }
  t.equal(await deadLetters.count('orders', 'billing'), 6)
  t.same(reads, [])
  await rig.engine.deleteRecords(name, 0, 2)
  t.equal(await deadLetters.count('orders', 'billing'), 4)
  t.same(reads, [], 'what was trimmed needs no look')
  await rig.engine.deleteTopic(name)
  await rig.publish('orders', ['again'], 0)
  const { receipt } = await rig.one()
  await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'reject' }])
  t.equal(await deadLetters.count('orders', 'billing'), 1)
})

t.test('damaged dead letters are passed over, told and counted; all others are shown', async (t) => {
  const { rig } = await startWithDead()
  const { deadLetters } = rig.groups
  const read = rig.engine.read.bind(rig.engine)
  rig.engine.read = async (topic, partition, fromOffset, maxBytes) => {
    if (topic !== 'orders.billing.dlq' || partition !== 0) return read(topic, partition, fromOffset, maxBytes)
    if (fromOffset === 1) throw new DwellError('BATCH_DAMAGED', 'damaged', { offset: 1, lastOffset: 1 })
    return read(topic, partition, fromOffset, fromOffset === 0 ? 1 : maxBytes)
  }
  const { records, after } = await deadLetters.list('orders', 'billing', { limit: 100 })
  t.same([records.map(textOf).join(' '), after], ['a0 a2 b0 b1 b2', null])
  t.equal(rig.groups.stats().skipped, 1)
  t.equal(await deadLetters.count('orders', 'billing'), 5)
  t.equal(await deadLetters.count('orders', 'billing', { reason: 'because' }), 5)
})

t.test('a disk that does not read fails the page', async (t) => {
  const { rig } = await startWithDead()
  rig.engine.read = () => Promise.reject(new DwellError('LOG_FAILED', 'no disk'))
  await t.rejects(rig.groups.deadLetters.list('orders', 'billing', { limit: 1 }), { code: 'LOG_FAILED' })
})

t.test('when many died, who looks need not wait until they are read', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [], maxInFlight: 10_000 })
  const values = Array.from({ length: 9_000 }, (_, n) => `v${n}`)
  await rig.publish('orders', values)
  for (let left = values.length; left > 0; left -= 1_000) {
    const deliveries = await rig.acquire(1_000)
    const rejected = deliveries.map(({ receipt }) => ({ receipt, type: 'reject' as const, reason: `r${left}` }))
    await rig.groups.acknowledge('orders', 'billing', rejected)
  }
  await rig.clock.advance(0)
  const read = rig.engine.read.bind(rig.engine)
  const reads: number[] = []
  rig.engine.read = async (topic, partition, fromOffset, maxBytes) => {
    if (topic === 'orders.billing.dlq') reads.push(fromOffset)
    return read(topic, partition, fromOffset, maxBytes)
  }
  t.equal(await rig.groups.deadLetters.count('orders', 'billing'), 9_000)
  t.ok(reads[0] >= 9_000 - 4_096 - 1_000, `reads began at ${reads[0]}`)
})
