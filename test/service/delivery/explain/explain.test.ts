// Explain where a real service cannot be brought on demand: what retention and compaction took, what moves at the moment of
// looking, and the bounds of a look.

import t from 'tap'
import { LOOK_BYTES_MAX } from '../../../../service/delivery/explain/copy-search.ts'
import { GROUPS_MAX } from '../../../../service/delivery/explain/explain.ts'
import { GROUPS_TOPIC } from '../../../../service/delivery/index.ts'
import { DwellError } from '../../../../storage/index.ts'
import { settle } from '../../../support/manual-clock.ts'
import { GroupRig } from '../group-rig.ts'
import { explainerOf } from './explain-rig.ts'

const DEAD = 'orders.billing.dlq'

async function rig(defaults: Parameters<typeof GroupRig.start>[1] = {}) {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [5_000, 60_000], ...defaults })
  await rig.groups.configure('orders', 'billing', {})
  const explain = async (offset: number, group: string | undefined = 'billing') => {
    return (await explainerOf(rig)).explain('orders', { partition: 0, offset }, group)
  }
  return { rig, explain }
}

t.test('what retention took', async (t) => {
  const { rig: at, explain } = await rig()
  await at.publish('orders', ['failed', 'accepted', 'not reached', 'there'])
  const [failed, accepted] = await at.acquire(2)
  await at.groups.acknowledge('orders', 'billing', [
    { receipt: failed.receipt, type: 'release', reason: 'no' },
    { receipt: accepted.receipt, type: 'accept' },
  ])
  await at.engine.deleteRecords('orders', 0, 3)
  t.match(await explain(0), { state: 'retrying', tier: '5s' }, 'its copy waits')
  t.match(await explain(1), { state: 'finished', why: /too long ago to say how/ })
  t.match(await explain(2), { state: 'removed', because: 'retention', why: /before the group took it/ })
  t.match(await explain(3), { state: 'ready', ahead: 0, because: 'no-consumer' }, 'what is gone is not before it')
  const all = await (await explainerOf(at)).explain('orders', { partition: 0, offset: 2 })
  t.match(all, { state: 'removed', because: 'retention', groups: [{ group: 'billing', state: 'removed' }] })
})

t.test('what is damaged, and what retention takes at the moment of looking', async (t) => {
  const { rig: at, explain } = await rig()
  await at.publish('orders', ['x'])
  const { read } = at.engine
  const failing = (code: 'BATCH_DAMAGED' | 'OFFSET_OUT_OF_RANGE') => {
    at.engine.read = async (...given) => {
      if (given[0] !== 'orders') return read.apply(at.engine, given)
      throw new DwellError(code, 'No.', { lastOffset: 0 })
    }
  }
  failing('BATCH_DAMAGED')
  t.match(await explain(0), { state: 'removed', because: 'damage' })
  failing('OFFSET_OUT_OF_RANGE')
  t.match(await explain(0), { state: 'removed', because: 'retention' })
})

t.test(
  'a checkpoint that trims __groups at the moment of looking, and damage there, cost what they took',
  async (t) => {
    const { rig: at, explain } = await rig()
    await at.publish('orders', ['x'])
    const before = at.engine.offsets(GROUPS_TOPIC, 0).highWatermark
    await at.one()
    const { read } = at.engine
    let isDone = false
    at.engine.read = async (...given) => {
      if (given[0] === GROUPS_TOPIC && !isDone) await at.engine.deleteRecords(GROUPS_TOPIC, 0, before)
      isDone ||= given[0] === GROUPS_TOPIC
      return read.apply(at.engine, given)
    }
    const acquired = { state: 'acquired', happened: [{ event: 'published' }, { event: 'acquired' }] }
    t.match(await explain(0), acquired)
    t.ok(isDone)
    at.engine.read = async (...given) => {
      if (given[0] !== GROUPS_TOPIC) return read.apply(at.engine, given)
      throw new DwellError('BATCH_DAMAGED', 'No.')
    }
    t.match(await explain(0), { state: 'acquired' })
  },
)

t.test('a topic without a group', async (t) => {
  const at = await GroupRig.start({ orders: 1 })
  await at.publish('orders', ['x'])
  const said = await (await explainerOf(at)).explain('orders', { partition: 0, offset: 0 })
  t.match(said, { state: 'logged', groups: [], why: /the topic has no group that could take it/ })
})

t.test('a fate that is decided and not durable yet', async (t) => {
  const { rig: at, explain } = await rig()
  await at.publish('orders', ['x'])
  const { receipt } = await at.one()
  // The lane is there already.
  await at.groups.acknowledge('orders', 'billing', [{ receipt, type: 'release' }])
  await at.publish('orders', ['y'])
  const second = await at.one()
  at.engine.held = true
  void at.groups.acknowledge('orders', 'billing', [{ receipt: second.receipt, type: 'release' }])
  await settle()
  const asked = explain(1)
  await settle()
  at.engine.held = false
  at.engine.release()
  t.match(await asked, { state: 'retrying', tier: '5s' }, 'it waits for the disk, then says where the record is')
})

t.test('a disk that does not answer is not waited for without end', async (t) => {
  const { rig: at, explain } = await rig()
  await at.publish('orders', ['x'])
  await at.groups.acknowledge('orders', 'billing', [{ receipt: (await at.one()).receipt, type: 'release' }])
  await at.publish('orders', ['y'])
  const { receipt } = await at.one()
  at.engine.held = true
  void at.groups.acknowledge('orders', 'billing', [{ receipt, type: 'release' }])
  await settle()
  const asked = explain(1)
  for (let i = 0; i < 4; i++) await at.clock.advance(2_000)
  t.match(await asked, { state: 'unknown', because: 'settling', why: /ask again/ })
  at.engine.held = false
  at.engine.release()
})

t.test('a lock that is over, and not released yet', async (t) => {
  const { rig: at, explain } = await rig({ lockMs: 1_000 })
  await at.publish('orders', ['x'])
  await at.one()
  at.clock.stepMonotonic(1_000)
  t.match(await explain(0), {
    state: 'acquired',
    because: 'lock-over',
    why: /its lock is over: it is about to go to the tier/,
  })
})

t.test('a look reads no more than its bound, and says that this was not enough', async (t) => {
  const { rig: at, explain } = await rig({ retry: [] })
  const filling = 'x'.repeat(1024 * 1024)
  // More than the batch in which the bound is reached holds: a batch is read whole.
  const count = LOOK_BYTES_MAX / filling.length + 8
  for (let i = 0; i < count; i++) await at.publish('orders', [filling])
  const deliveries = await at.acquire(1_000)
  const more = await at.acquire(1_000)
  const acknowledgements = [...deliveries, ...more].map(({ receipt }) => ({ receipt, type: 'reject' as const }))
  t.equal(acknowledgements.length, count)
  await at.groups.acknowledge('orders', 'billing', acknowledgements)
  let bytes = 0
  const { read } = at.engine
  at.engine.read = async (...given) => {
    const page = await read.apply(at.engine, given)
    bytes += page.length
    return page
  }
  t.match(await explain(0), { state: 'dead' })
  bytes = 0
  t.match(await explain(count - 1), { state: 'unknown', because: 'look-ended', why: /was not found in the part/ })
  t.ok(bytes < LOOK_BYTES_MAX + 8 * filling.length, `${bytes} bytes were read`)
  t.equal(at.engine.offsets(DEAD, 0).highWatermark, count)
})

t.test('no more groups are told of than the bound, and how many are left out', async (t) => {
  const at = await GroupRig.start({ orders: 1 })
  await at.publish('orders', ['x'])
  for (let i = 0; i < GROUPS_MAX + 3; i++) await at.groups.configure('orders', `g-${100 + i}`, {})
  const said = await (await explainerOf(at)).explain('orders', { partition: 0, offset: 0 })
  t.equal(said.groups?.length, GROUPS_MAX)
  t.match(said, { groupsOmitted: 3, groups: [{ group: 'g-100' }, { group: 'g-101' }] })
})

t.test('a partition that the group has not seen', async (t) => {
  const { rig: at, explain } = await rig()
  await at.engine.alterTopic('orders', { partitions: 2, cleanup: 'delete' })
  await at.publish('orders', ['a', 'b'], 1)
  const said = await (await explainerOf(at)).explain('orders', { partition: 1, offset: 1 }, 'billing')
  t.match(said, { state: 'ready', ahead: 1, deliveryCount: 0 })
  await t.rejects(explain(0), { code: 'OFFSET_OUT_OF_RANGE' })
})

t.test('an endpoint that is paused', async (t) => {
  const { rig: at, explain } = await rig()
  const push = { url: 'https://example.org/', concurrency: 1, timeoutMs: 1_000, headers: {}, secrets: [] }
  await at.groups.configure('orders', 'billing', { push: push as never })
  await at.publish('orders', ['x'])
  t.match(await explain(0), { state: 'ready', because: 'no-consumer', why: /the endpoint has not taken it yet/ })
  await at.groups.pauseEndpoint('orders', 'billing', { sinceMs: at.clock.wallMs(), reason: '410 Gone' })
  t.match(await explain(0), { state: 'ready', because: 'endpoint-paused', why: /: 410 Gone\.$/ })
  await at.acquire(1)
  const kept = await explain(0)
  t.match(kept, { state: 'acquired', because: 'endpoint-paused', deliveryCount: 1, next: { event: 'probe' } })
  t.match(kept.why, /The endpoint of the group is paused since .*: 410 Gone\. .* no try is counted: a probe asks/)
  await at.groups.pause('orders', 'billing', '')
  const paused = await explain(0)
  t.match(paused.why, /the group is paused too/)
  t.equal(paused.next, undefined, 'nobody asks before the resume')
  await at.groups.resume('orders', 'billing')
  t.match(await explain(0), { because: 'locked', why: /^The endpoint has it, for the 1st time/ })
})

t.test('what is told of a record that was moved since is where it is', async (t) => {
  const { rig: at, explain } = await rig()
  await at.publish('orders', ['a', 'b'])
  for (let tries = 0; tries < 2; tries++) {
    const deliveries = await at.acquire()
    const acknowledgements = deliveries.map(({ receipt }) => ({
      receipt,
      type: 'release' as const,
      reason: `no ${tries}`,
    }))
    await at.groups.acknowledge('orders', 'billing', acknowledgements)
    await at.clock.advance(tries === 0 ? 5_000 : 0)
  }
  t.match(await explain(1), { state: 'retrying', tier: '1m', deliveryCount: 2 })
  t.strictSame(
    (await explain(1)).happened.filter(({ event }) => event === 'released').map(({ reason }) => reason),
    ['no 0', 'no 1'],
  )
  await at.crash()
  t.match(await explain(1), { state: 'retrying', tier: '1m', deliveryCount: 2 }, 'also after a crash')
})

t.test('what was accepted is known to be, long after what told of it is trimmed', async (t) => {
  const { rig: at, explain } = await rig({ retry: [] })
  await at.publish('orders', ['before'])
  await at.groups.reset('orders', 'billing', 'latest')
  await at.publish('orders', ['accepted', 'purged'])
  const [accepted, purged] = await at.acquire()
  await at.groups.acknowledge('orders', 'billing', [
    { receipt: accepted.receipt, type: 'accept' },
    { receipt: purged.receipt, type: 'reject' },
  ])
  await at.clock.advance(60_000)
  await at.publish('orders', ['later'])
  await at.groups.acknowledge('orders', 'billing', [{ receipt: (await at.one()).receipt, type: 'reject' }])
  const said = async () =>
    [await explain(0), await explain(1), await explain(2), await explain(3)].map(({ state }) => state)
  t.strictSame(await said(), ['finished', 'accepted', 'dead', 'dead'])
  await at.groups.deadLetters.purge('orders', 'billing', { toMs: at.clock.wallMs() - 1 })
  t.strictSame(await said(), ['finished', 'accepted', 'purged', 'dead'])
  await at.groups.checkpoint()
  t.equal(at.engine.offsets(DEAD, 0).logStartOffset, 1, 'what was purged is trimmed')
  t.strictSame(await said(), ['finished', 'finished', 'finished', 'dead'], 'nobody can say any more')
  await at.clock.advance(1)
  await at.publish('orders', ['new'])
  await at.groups.acknowledge('orders', 'billing', [{ receipt: (await at.one()).receipt, type: 'accept' }])
  await at.groups.checkpoint()
  await at.crash()
  t.match(await explain(4), { state: 'accepted', happened: [{ event: 'published' }] })
})
