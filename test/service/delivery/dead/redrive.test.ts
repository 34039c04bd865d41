import t from 'tap'
import { DEAD_TOPIC } from '../../../../service/delivery/index.ts'
import { DwellError } from '../../../../storage/index.ts'
import { GroupRig, textOf } from '../group-rig.ts'
import { begin, countDead, LANE, rejectNext, taskOf } from './redrive-rig.ts'

/** `count` dead letters in each of the partitions, v0, v1, … in the order in which they died. */
async function startWithDead(count: number, partitions = 1) {
  const rig = await GroupRig.start({ orders: partitions }, { retry: [] })
  const values = Array.from({ length: count * partitions }, (_, n) => `v${n}`)
  for (const [n, value] of values.entries()) await rig.publish('orders', [value], n % partitions, `key-${n % 2}`)
  await rejectNext(rig, count * partitions)
  return { rig, values }
}

t.test('a redriven record goes only to its group, in order, begins anew and keeps its attempts', async (t) => {
  const { rig, values } = await startWithDead(5)
  await rig.groups.configure('orders', 'other', { start: 'latest' })
  const { task, matched } = await begin(rig)
  t.equal(matched, 5)
  await rig.clock.advance(1)
  t.match(taskOf(rig, task), { state: 'done', moved: 5, failed: 0 })
  t.equal(await countDead(rig), 0)
  t.equal(rig.groups.describe('orders', 'billing').partitions[0].dead, 0)
  const deliveries = await rig.acquire()
  t.same(deliveries.map(textOf), values)
  t.same(
    deliveries.map(({ deliveryCount, attempts, topic, offset }) => [deliveryCount, attempts.length, topic, offset]),
    values.map((_, n) => [1, 1, 'orders', n]),
  )
  t.same(await rig.acquire(100, 0, 'orders', 'other'), [])
})

t.test('what dies again is a dead letter again, with both attempts, and the same task does not take it', async (t) => {
  const { rig } = await startWithDead(2)
  const { task } = await begin(rig, 1)
  await rig.clock.advance(1_100)
  await rejectNext(rig, 1)
  await rig.clock.advance(5_000)
  t.match(taskOf(rig, task), { state: 'done', moved: 2 })
  const { records } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 10 })
  t.match(records, [{ offset: 0, deliveryCount: 1, attempts: [{ reason: 'bad' }, { reason: 'bad' }] }])
})

t.test('retries of a redriven record walk through the tiers from the first', async (t) => {
  const { rig } = await startWithDead(1)
  await rig.groups.configure('orders', 'billing', { retry: [5_000] })
  await begin(rig)
  await rig.clock.advance(1)
  const { receipt } = await rig.one()
  const released = await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'release' }])
  t.match(released, [{ state: 'retrying', tier: '5s' }])
  await rig.clock.advance(5_000)
  t.match(await rig.one(), { deliveryCount: 2, offset: 0 })
})

t.test('a rate is held, also when time passes in leaps', async (t) => {
  const { rig } = await startWithDead(600)
  const { task } = await begin(rig, 100)
  for (const second of [1, 2, 3]) {
    await rig.clock.advance(1_000)
    const { moved } = taskOf(rig, task)
    t.ok(Math.abs(moved - 100 * second) <= 5, `${moved} after ${second} s`)
  }
  await rig.clock.advance(3_100)
  t.match(taskOf(rig, task), { state: 'done', moved: 600 })
})

t.test('a stopped task leaves the rest where it is, and stays stopped across a crash', async (t) => {
  const { rig } = await startWithDead(20)
  const { task } = await begin(rig, 10)
  await rig.clock.advance(1_000)
  const stopped = await rig.groups.deadLetters.redrives.stop(task)
  t.match(stopped, { state: 'stopped', finishedMs: rig.clock.wallMs() })
  const left = 20 - stopped.moved
  t.equal(await countDead(rig), left)
  await rig.crash()
  await rig.clock.advance(5_000)
  t.match(taskOf(rig, task), { state: 'stopped', moved: stopped.moved })
  t.equal(await countDead(rig), left)
  t.match(await rig.groups.deadLetters.redrives.stop(task), { state: 'stopped' }, 'once more changes nothing')
})

t.test('a redrive goes on after a crash and moves each record once', async (t) => {
  const { rig, values } = await startWithDead(30, 2)
  const { task } = await begin(rig, 10)
  for (let crash = 0; crash < 3; crash++) {
    await rig.clock.advance(1_000)
    rig.cutAfter(crash % 2)
    await rig.clock.advance(200)
    await rig.crash()
  }
  await rig.clock.advance(10_000)
  t.match(taskOf(rig, task), { state: 'done', matched: 60, moved: 60 })
  t.equal(await countDead(rig), 0)
  const lane = [...(await rig.log(LANE, 0)), ...(await rig.log(LANE, 1))].map(({ value }) => String(value))
  t.same(lane.sort(), values.toSorted())
})

t.test('several tasks and a purge at once take each record once', async (t) => {
  const { rig } = await startWithDead(50, 2)
  const tasks = await Promise.all([begin(rig, 40), begin(rig, 70), begin(rig, 15, { key: 'key-1' })])
  await rig.clock.advance(300)
  const purged = await rig.groups.deadLetters.purge('orders', 'billing', { key: 'key-0' })
  await rig.clock.advance(10_000)
  const moved = tasks.reduce((sum, { task }) => sum + taskOf(rig, task).moved, 0)
  t.ok(purged > 0 && moved > 50)
  t.equal(moved + purged, 100)
  const lane = [...(await rig.log(LANE, 0)), ...(await rig.log(LANE, 1))].map(({ value }) => String(value))
  t.equal(new Set(lane).size, moved)
  t.equal(lane.length, moved)
})

t.test('also when all of them are as fast as they can be', async (t) => {
  const { rig } = await startWithDead(700, 2)
  const [purged, ...tasks] = await Promise.all([
    rig.groups.deadLetters.purge('orders', 'billing', { key: 'key-0' }),
    begin(rig),
    begin(rig),
    begin(rig, undefined, { key: 'key-1' }),
  ])
  await rig.clock.advance(1)
  const lane = [...(await rig.log(LANE, 0)), ...(await rig.log(LANE, 1))].map(({ value }) => String(value))
  t.equal(new Set(lane).size, lane.length, 'nothing lies there twice')
  const moved = tasks.reduce((sum, { task }) => sum + taskOf(rig, task).moved, 0)
  t.equal(moved, lane.length)
  t.equal(moved + purged, 1_400)
})

t.test('a purged record is never seen again: not listed, not counted, not redriven, not after a crash', async (t) => {
  const { rig } = await startWithDead(10)
  t.equal(await rig.groups.deadLetters.purge('orders', 'billing', { key: 'key-1' }), 5)
  for (const _ of ['at once', 'after a crash']) {
    t.equal(await countDead(rig), 5)
    t.equal(await countDead(rig, { key: 'key-1' }), 0)
    const { records } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 100 })
    t.same(records.map(textOf), ['v0', 'v2', 'v4', 'v6', 'v8'])
    t.equal(rig.groups.describe('orders', 'billing').partitions[0].dead, 5)
    await rig.crash()
  }
  t.equal((await begin(rig)).matched, 5)
  await rig.clock.advance(1)
  t.same((await rig.acquire()).map(textOf), ['v0', 'v2', 'v4', 'v6', 'v8'])
  t.equal(await rig.groups.deadLetters.purge('orders', 'billing'), 0)
})

t.test('a page goes on where it was although records before its cursor are removed', async (t) => {
  const { rig } = await startWithDead(10)
  const first = await rig.groups.deadLetters.list('orders', 'billing', { limit: 4 })
  await rig.groups.deadLetters.purge('orders', 'billing', { key: 'key-0' })
  const rest = await rig.groups.deadLetters.list('orders', 'billing', { limit: 10, after: first.after ?? '' })
  t.same(rest.records.map(textOf), ['v5', 'v7', 'v9'])
})

t.test('a checkpoint gives the log its removed head back, and forgets what it need not know', async (t) => {
  const { rig } = await startWithDead(10)
  await rig.groups.deadLetters.purge('orders', 'billing')
  await rig.groups.checkpoint()
  t.match(rig.engine.offsets('orders.billing.dlq', 0), { logStartOffset: 10 })
  await rig.engine.deleteTopic('orders.billing.dlq')
  await rig.groups.checkpoint()
  const last = (await rig.log(DEAD_TOPIC)).at(-1)
  t.match([String(last?.key), last?.value], [/^removed\//, null])
  await rig.crash()
  await rig.publish('orders', ['new'])
  await rejectNext(rig, 1)
  t.equal(await countDead(rig), 1, 'a new topic of the name begins anew')
})

t.test('tasks that cannot go on fail with a reason', async (t) => {
  const { rig } = await startWithDead(10)
  const { task } = await begin(rig, 1)
  await rig.groups.forget('orders', 'billing')
  await rig.clock.advance(3_000)
  t.match(taskOf(rig, task), { state: 'failed', reason: /no group billing/ })
})

t.test('a refused append moves nothing; the task tries again', async (t) => {
  const { rig, values } = await startWithDead(3)
  const append = rig.engine.append.bind(rig.engine)
  const { task } = await begin(rig, 1)
  rig.engine.append = () => Promise.reject(new DwellError('DISK_FULL', 'no room'))
  await rig.clock.advance(1_500)
  t.match(taskOf(rig, task), { state: 'running', moved: 0 })
  rig.engine.append = append
  t.equal(await countDead(rig), 3)
  await rig.clock.advance(10_000)
  t.match(taskOf(rig, task), { state: 'done', moved: 3 })
  t.same((await rig.acquire()).map(textOf), values)
})

t.test('tasks are listed, the newest first; nothing to move is done at once; unknown ones are told', async (t) => {
  const rig = await GroupRig.start()
  await t.rejects(begin(rig), { code: 'GROUP_NOT_FOUND' })
  await rig.groups.configure('orders', 'billing', {})
  const first = await begin(rig)
  await rig.clock.advance(1)
  const second = await begin(rig)
  t.match(first, { state: 'done', matched: 0 })
  t.same(
    rig.groups.deadLetters.redrives.list().map(({ task }) => task),
    [second.task, first.task],
  )
  t.throws(() => taskOf(rig, 'nope'), { code: 'REDRIVE_NOT_FOUND' })
  await t.rejects(rig.groups.deadLetters.redrives.stop('nope'), { code: 'REDRIVE_NOT_FOUND' })
})

t.test('reasons, the most frequent first', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [] })
  const startMs = rig.clock.wallMs()
  for (const [n, reason] of ['bank', 'mail', 'bank', ''].entries()) {
    await rig.publish('orders', [`v${n}`], 0, `key-${n}`)
    const { receipt } = await rig.one()
    await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: reason === '' ? 'release' : 'reject', reason }])
    await rig.clock.advance(1_000)
  }
  const { deadLetters } = rig.groups
  t.same(await deadLetters.reasons('orders', 'billing'), {
    reasons: [
      { cause: 'CLIENT_REJECT', reason: 'bank', count: 2, firstMs: startMs, lastMs: startMs + 2_000 },
      { cause: 'DELIVERY_COUNT_EXCEEDED', reason: '', count: 1, firstMs: startMs + 3_000, lastMs: startMs + 3_000 },
      { cause: 'CLIENT_REJECT', reason: 'mail', count: 1, firstMs: startMs + 1_000, lastMs: startMs + 1_000 },
    ],
    others: 0,
  })
  t.match(await deadLetters.reasons('orders', 'billing', { key: 'key-2' }), { reasons: [{ reason: 'bank', count: 1 }] })
})

t.test('dead letters are kept as long as the group says', async (t) => {
  const { rig } = await startWithDead(1)
  const retention = () => rig.engine.topic('orders.billing.dlq')?.retentionMs
  t.equal(retention(), undefined)
  await rig.groups.configure('orders', 'billing', { deadLetters: { retentionMs: 60_000 } })
  t.equal(retention(), 60_000)
  await rig.groups.configure('orders', 'mail', { deadLetters: { retentionMs: 5_000 } })
  const [{ receipt }] = await rig.acquire(1, 0, 'orders', 'mail')
  await rig.groups.acknowledge('orders', 'mail', [{ receipt, type: 'reject' }])
  t.equal(rig.engine.topic('orders.mail.dlq')?.retentionMs, 5_000)
})

t.test('what is purged or redriven leaves in appends of a size that a small journal takes', async (t) => {
  const partitions = 40
  const { rig } = await startWithDead(2, partitions)
  rig.engine.appendBytesMax = 16 * 1024
  const sizes: number[] = []
  const append = rig.engine.append.bind(rig.engine)
  rig.engine.append = (appends) => {
    const records = appends.flatMap((one) => (typeof one.records === 'function' ? [] : one.records))
    sizes.push(records.reduce((sum, { body }) => sum + (body as Buffer).length, 0))
    return append(appends)
  }
  const { task } = await begin(rig, undefined, { key: 'key-0' })
  for (let i = 0; i < 100 && taskOf(rig, task)?.state === 'running'; i++) await rig.clock.advance(1)
  t.ok(Math.max(...sizes) < rig.engine.appendBytesMax / 2, `appends of up to ${Math.max(...sizes)} bytes redrive`)
  sizes.length = 0
  await rig.groups.deadLetters.purge('orders', 'billing')
  t.equal(await countDead(rig), 0)
  t.ok(Math.max(...sizes) < rig.engine.appendBytesMax / 2, `appends of up to ${Math.max(...sizes)} bytes purge`)
})

t.test(
  'a record that is redriven again and again keeps its last hundred attempts, and says how many came before',
  async (t) => {
    const { rig } = await startWithDead(1)
    for (let round = 1; round < 130; round++) {
      await begin(rig)
      await rig.clock.advance(1)
      const delivery = await rig.one()
      const dropped = round > 100 ? round - 100 : undefined
      if (delivery.attempts.length !== Math.min(round, 100) || delivery.attemptsDropped !== dropped) {
        t.fail(`${delivery.attempts.length} attempts after ${round}, ${delivery.attemptsDropped} dropped`)
      }
      t.equal(delivery.deliveryCount, 1)
      const reason = `round ${round}`
      await rig.groups.acknowledge('orders', 'billing', [{ receipt: delivery.receipt, type: 'reject', reason }])
    }
    const { records } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 10 })
    t.match(records, [{ attemptsDropped: 30, deliveryCount: 1, reason: 'round 129' }])
    t.same([records[0].attempts.length, records[0].attempts[0].reason], [100, 'round 30'])
  },
)

t.test('attempts with long reasons are kept up to 64 KiB', async (t) => {
  const { rig } = await startWithDead(1)
  for (let round = 0; round < 30; round++) {
    await begin(rig)
    await rig.clock.advance(1)
    const { receipt } = await rig.one()
    await rig.groups.acknowledge('orders', 'billing', [{ receipt, type: 'reject', reason: '\u0001'.repeat(1_000) }])
  }
  const { records } = await rig.groups.deadLetters.list('orders', 'billing', { limit: 10 })
  const [{ attempts, attemptsDropped = 0, body }] = records
  t.ok(body.length < 80 * 1024, `${body.length} bytes`)
  t.equal(attempts.length + attemptsDropped, 31)
})
