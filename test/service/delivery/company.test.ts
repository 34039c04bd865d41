// A record that brings its consumer down does not take those along that came with it.

import t from 'tap'
import { companyMax } from '../../../service/delivery/company.ts'
import type { Delivery } from '../../../service/delivery/groups.ts'
import { GroupRig, textOf } from './group-rig.ts'

const ALL = Number.POSITIVE_INFINITY
const POISON = 'v137'

t.test('the last try is alone, the first in any company', async (t) => {
  const bounds = (tiers: number) => Array.from({ length: tiers + 2 }, (_, i) => companyMax(i + 1, tiers))
  t.same(bounds(0), [ALL, 1])
  t.same(bounds(1), [ALL, 1, 1])
  t.same(bounds(3), [ALL, 64, 8, 1, 1], 'more tries than tiers: the list became shorter')
  t.same(bounds(9).slice(5), [4096, 512, 64, 8, 1, 1])
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
    if (batch.length === 0) await rig.clock.advance(20_000)
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

t.test('the same where the whole batch is released, also across kill -9', async (t) => {
  const rig = await GroupRig.start()
  const sizes = await consume(rig, async (rig, batch) => {
    const released = batch.map(({ receipt }) => ({ receipt, type: 'release' as const, reason: 'rolled back' }))
    await rig.groups.acknowledge('orders', 'billing', released)
    await rig.crash()
  })
  t.same(sizes, [500, 64, 8, 1])
  t.same(await deadOf(rig), [POISON])
})

t.test('the same where they come again through the wheel', async (t) => {
  const rig = await GroupRig.start()
  const sizes = await consume(rig, async (rig, batch) => {
    const released = batch.map(({ receipt }) => ({ receipt, type: 'release' as const, delayMs: 1_000 }))
    await rig.groups.acknowledge('orders', 'billing', released)
    await rig.clock.advance(1_000)
    await rig.turnWheel()
  })
  t.same(sizes, [500, 64, 8, 1])
  t.same(await deadOf(rig), [POISON])
})

t.test('without tiers the first try is the last, for all that came together', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [] })
  await consume(rig, async () => rig.clock.advance(30_000), 10)
  t.equal((await deadOf(rig)).length, 10)
})

t.test('a record that comes alone has its turn, however much there is of others', async (t) => {
  const rig = await GroupRig.start({ orders: 1 }, { retry: [1_000] })
  await rig.publish('orders', ['last 1', 'last 2'])
  const released = (await rig.acquire()).map(({ receipt }) => ({ receipt, type: 'release' as const }))
  await rig.groups.acknowledge('orders', 'billing', released)
  await rig.clock.advance(1_000)
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
  const released = (await rig.acquire()).map(({ receipt }) => ({ receipt, type: 'release' as const }))
  await rig.groups.acknowledge('orders', 'billing', released)
  await rig.clock.advance(1_000)
  t.equal((await rig.groups.acquire('orders', 'billing', { max: 10, waitMs: 0, apart: true })).length, 3)
})
