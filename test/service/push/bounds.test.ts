// What endpoints share, and what each may do in a second.

import fc from 'fast-check'
import t from 'tap'
import { type Share, SharedBound } from '../../../service/push/shared-bound.ts'
import { TokenBucket } from '../../../service/quotas/token-bucket.ts'
import { ManualClock } from '../../support/manual-clock.ts'

t.test('half is parted equally, the other half goes to who asks first', async (t) => {
  const bound = new SharedBound(100)
  const told: string[] = []
  const [a, b] = ['a', 'b'].map((name) => bound.join(() => told.push(name)))
  t.equal(a.take(90), 75, 'its own 25, and the 50 of all')
  t.equal(b.take(90), 25, 'its own')
  t.equal(b.offer(1), 0)
  a.give(10)
  t.same(told.sort(), ['a', 'b'], 'all who were refused')
  t.equal(b.offer(90), 10, 'an offer takes nothing')
  t.equal(b.take(90), 10)
  a.give(65)
  t.equal(told.filter((name) => name === 'b').length, 2)
  t.equal(b.take(1_000), 40, 'the rest of what all share')
  bound.leave(a)
  t.equal(b.take(1_000), 25, 'alone all is its own')
  t.equal(bound.held, 100)
})

t.test('of many who were refused a few are told at a time, in turn', async (t) => {
  const bound = new SharedBound(100)
  const told: number[] = []
  const holder = bound.join(() => {})
  const shares = Array.from({ length: 50 }, (_, i) => bound.join(() => told.push(i)))
  holder.take(50)
  for (const share of shares) share.take(1_000)
  holder.give(1)
  t.same(told, [0, 1, 2, 3])
  for (let i = 0; i < 12; i++) {
    // Who was told and does not get all that it wants stands in line again, behind the others.
    for (const i of told.slice(-4)) shares[i].take(1_000)
    holder.give(1)
  }
  t.equal(new Set(told).size, 50, 'nobody is left out')
})

t.test('who has left is told nothing, and gets nothing', async (t) => {
  const bound = new SharedBound(10)
  const told: string[] = []
  const [a, b] = ['a', 'b'].map((name) => bound.join(() => told.push(name)))
  a.take(10)
  b.take(10)
  bound.leave(a)
  t.same(told, ['b'])
  t.same([a.held, a.offer(1), a.take(1)], [0, 0, 0])
  t.equal(b.take(10), 8)
})

t.test('whoever holds whatever, each gets its own part, and the total holds', async (t) => {
  const steps = fc.array(
    fc.record({ who: fc.nat({ max: 4 }), what: fc.constantFrom('take', 'give', 'leave'), count: fc.nat({ max: 60 }) }),
    { maxLength: 60 },
  )
  const property = fc.property(fc.integer({ min: 10, max: 100 }), steps, (total, list) => {
    const bound = new SharedBound(total)
    const shares = new Map<number, Share>()
    for (const { who, what, count } of list) {
      const share = shares.get(who) ?? bound.join(() => {})
      shares.set(who, share)
      if (what === 'take') {
        const own = Math.max(1, Math.floor(total / 2 / shares.size)) - share.held
        const given = share.take(count)
        if (given < Math.min(count, own)) return false
      } else if (what === 'give') share.give(Math.min(count, share.held))
      else {
        bound.leave(share)
        shares.delete(who)
      }
    }
    // Who joins as the nth takes its part, total / 2n, though others hold it already: until they give it back there is more.
    const beyond = [2, 3, 4, 5].reduce((sum, n) => sum + Math.ceil(total / 2 / n), 0)
    return bound.held <= total + beyond && bound.held === [...shares.values()].reduce((sum, { held }) => sum + held, 0)
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
})

t.test('a bucket gives so many a second, a tenth of it at once', async (t) => {
  const clock = new ManualClock()
  const bucket = new TokenBucket(clock, 100)
  t.equal(bucket.available, 10)
  bucket.spend(10)
  t.same([bucket.available, bucket.waitMs], [0, 10])
  clock.jump(10)
  t.same([bucket.available, bucket.waitMs], [1, 0])
  clock.jump(60_000)
  t.equal(bucket.available, 10, 'no more than it holds')
  bucket.spend(15)
  t.same([bucket.available, bucket.waitMs], [0, 60], 'a debt is paid first')
  const slow = new TokenBucket(clock, 0.1)
  t.equal(slow.available, 1)
  slow.spend(1)
  t.equal(slow.waitMs, 10_000)
})
