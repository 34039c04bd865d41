// A record that brings its consumer down does not take those along that came with it.

import t from 'tap'
import { companyMax } from '../../../../service/delivery/acquire/company.ts'
import type { Delivery } from '../../../../service/delivery/index.ts'
import { GroupRig, textOf } from '../group-rig.ts'

const ALL = Number.POSITIVE_INFINITY
const POISON = 'v137'

/** A delivery after tries that ended so: E the lock ran out, R released. */
function after(tries: string): Pick<Delivery, 'deliveryCount' | 'attempts'> {
  const attempts = Array.from(tries, (letter) => {
    return { at: 0, reason: '', cause: letter === 'E' ? ('LOCK_EXPIRED' as const) : ('CLIENT_RELEASE' as const) }
  })
  return { deliveryCount: tries.length + 1, attempts }
}

t.test('locks that ran out make the company smaller, and the last try lonely; releases do not', async (t) => {
  const cases: [tries: string, tiers: number, max: number][] = [
    ['', 3, ALL],
    ['E', 3, 64],
    ['EE', 3, 8],
    ['EEE', 3, 1],
    ['EEE', 9, 1],
    ['R', 3, ALL],
    ['RRR', 3, ALL],
    ['RE', 3, 8],
    ['ERR', 3, 1],
    ['ERR', 9, 64],
    ['E', 1, 1],
    ['EE', 1, 1],
  ]
  for (const [tries, tiers, max] of cases) t.equal(companyMax(after(tries), tiers), max, `${tries} of ${tiers} tiers`)
  t.equal(companyMax({ ...after('EEE'), deliveryCount: 1 }, 3), ALL, 'redriven: it begins anew')
  t.equal(companyMax({ ...after('EEEE'), deliveryCount: 2 }, 3), 64, 'and so does what counts against it')
})

type Fail = (rig: GroupRig, batch: readonly Delivery[]) => Promise<void>

/** Consumes all of 500 records; a batch with the poison fails as a whole. Answers how large it was, try by try. */
async function consume(rig: GroupRig, fail: Fail, max = 500): Promise<number[]> {
  const sizes: number[] = []
  const values = Array.from({ length: 500 }, (_, n) => `v${n}`)
  await rig.publish('orders', values)
  for (let quiet = 0; quiet < 2; ) {
    const batch = await rig.acquire(max)
    quiet = batch.length === 0 ? quiet + 1 : 0
    const poison = batch.find((delivery) => textOf(delivery) === POISON)
    if (poison !== undefined) {
      sizes[poison.deliveryCount - 1] = batch.length
      await fail(rig, batch)
    } else {
      const accepted = batch.map(({ receipt }) => ({ receipt, type: 'accept' as const }))
      await rig.groups.acknowledge('orders', 'billing', accepted)
    }
    if (batch.length > 0) continue
    await rig.clock.advance(30_000)
    await rig.turnWheel()
  }
  return sizes
}

async function deadOf(rig: GroupRig): Promise<string[]> {
  return (await rig.groups.deadLetters.list('orders', 'billing', { limit: 1_000 })).records.map(textOf)
}

t.test('a consumer that dies of one record of 500: that one is dead, no other', async (t) => {
  const rig = await GroupRig.start()
  const sizes = await consume(rig, async () => rig.clock.advance(30_000))
  t.same(sizes, [500, 64, 8, 1])
  t.same(await deadOf(rig), [POISON])
  t.equal(rig.groups.stats().acknowledged.accept, 499)
  t.equal(rig.groups.stats().lockExpiries, 500 + 64 + 8 + 1)
})

t.test('the same across kill -9, which is no failure of theirs', async (t) => {
  const rig = await GroupRig.start()
  const sizes = await consume(rig, async (rig) => {
    await rig.crash()
    await rig.clock.advance(30_000)
    await rig.crash()
  })
  t.same(sizes, [500, 64, 8, 1])
  t.same(await deadOf(rig), [POISON])
})

t.test('the same where they come again through the wheel', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { jitter: 1 })
  const sizes = await consume(rig, async () => rig.clock.advance(30_000))
  t.same(sizes, [500, 64, 8, 1])
  t.same(await deadOf(rig), [POISON])
})

t.test('what was released comes back as many at a time as before', async (t) => {
  const rig = await GroupRig.start()
  const release = async (rig: GroupRig, batch: readonly Delivery[]) => {
    const released = batch.map(({ receipt }) => ({ receipt, type: 'release' as const, reason: 'bank offline' }))
    await rig.groups.acknowledge('orders', 'billing', released)
  }
  t.same(await consume(rig, release), [500, 500, 500, 500])
})

t.test('without tiers the first try is the last, for all that came together', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [] })
  await consume(rig, async () => rig.clock.advance(30_000), 10)
  t.equal((await deadOf(rig)).length, 10)
})

t.test('a record that comes alone has its turn, however much there is of others', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [1_000] })
  await rig.publish('orders', ['last 1', 'last 2'])
  await rig.acquire()
  await rig.clock.advance(31_000)
  const calls: string[] = []
  for (let call = 0; call < 4; call++) {
    // Less than a call wants: it goes on from the topic to the lane each time.
    await rig.publish('orders', ['a', 'b', 'c'])
    calls.push((await rig.acquire(10)).map(textOf).join())
  }
  t.same(calls, ['last 1', 'a,b,c,a,b,c', 'last 2', 'a,b,c,a,b,c'])
})

t.test('who works on each record by itself gets as many as there are', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [1_000] })
  await rig.publish('orders', ['a', 'b', 'c'])
  await rig.acquire()
  await rig.clock.advance(31_000)
  t.equal((await rig.groups.acquire('orders', 'billing', { max: 10, waitMs: 0, apart: true })).length, 3)
})
