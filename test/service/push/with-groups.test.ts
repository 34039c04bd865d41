// Push beside what else a group may be set to: the order of keys, and the pause by too many dead letters.

import t from 'tap'
import { settle } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { ok, PushRig, type Received, TestEndpoint } from './push-rig.ts'

const keyOf = ({ headers }: Received) => String(headers['dwell-key'])

t.test(
  'where keys take turns, no record of a key is pushed before an earlier one is done, whatever fails',
  async (t) => {
    const KEYS = 4
    const EACH = 12
    const done = new Map<string, number>()
    const wrong: string[] = []
    let count = 0
    let under = 0
    let most = 0
    const endpoint = await TestEndpoint.start(t, (received) => {
      const key = keyOf(received)
      const number = Number(received.body)
      if (number !== (done.get(key) ?? 0)) wrong.push(`${key}: ${number} while ${done.get(key) ?? 0} is not done`)
      most = Math.max(most, ++under)
      setImmediate(() => {
        under--
        // Every third fails, in one of the ways in which that can be; a rejected one is done as well.
        const way = count++ % 12
        if (way === 2) received.answer(500)
        else if (way === 5) received.answer(429, { 'retry-after': '7' })
        else if (way === 8) received.request.socket.resetAndDestroy()
        else {
          done.set(key, number + 1)
          received.answer(way === 11 ? 422 : 200, way === 11 ? { 'dwell-acknowledge': 'reject' } : {})
        }
      })
    })
    const rig = await PushRig.start(t, { defaults: { order: 'key', retry: Array(20).fill(1_000) } })
    for (let n = 0; n < EACH; n++) {
      for (let key = 0; key < KEYS; key++) await rig.groups.publish('orders', [String(n)], 0, `k${key}`)
    }
    await rig.push(endpoint.url, { concurrency: 8 })
    const isDone = () => [...done.values()].reduce((sum, number) => sum + number, 0) === KEYS * EACH
    for (let second = 0; second < 400 && !isDone(); second++) {
      await until(() => rig.pusher.stats().underWay === 0)
      await settle(20)
      await rig.groups.turnWheel()
      await rig.clock.advance(1_000)
    }
    t.ok(isDone(), JSON.stringify([...done]))
    t.same(wrong, [])
    t.ok(most > 1 && most <= KEYS, `${most} keys at a time`)
    t.ok(rig.groups.groups.stats().acknowledged.release > 10)
  },
)

t.test('a key whose record is kept by a paused endpoint waits; it goes on in order', async (t) => {
  const endpoint = await TestEndpoint.start(t, ({ answer }) => answer(410))
  const rig = await PushRig.start(t, { defaults: { order: 'key' } })
  for (const value of ['a1', 'a2', 'a3']) await rig.groups.publish('orders', [value], 0, 'a')
  await rig.push(endpoint.url)
  await until(() => rig.paused !== undefined)
  endpoint.behave = ok
  await rig.clock.advance(5_000)
  await until(() => rig.groups.groups.stats().acknowledged.accept === 3)
  t.same(endpoint.bodies, ['a1', 'a1', 'a2', 'a3'])
})

t.test(
  'too many dead letters pause the group, and nothing more is pushed; resume goes on with what was in hand',
  async (t) => {
    const endpoint = await TestEndpoint.start(t, ({ answer }) => answer(422, { 'dwell-acknowledge': 'reject' }))
    const rig = await PushRig.start(t, { defaults: { deadLetters: { perMinuteMax: 5 } } })
    const { groups } = rig.groups
    await rig.published(...Array.from({ length: 40 }, (_, i) => String(i)))
    await rig.push(endpoint.url, { concurrency: 2 })
    await until(() => groups.settingsOf('orders', 'billing')?.paused !== undefined)
    await until(() => rig.pusher.stats().underWay === 0)
    await settle(50)
    const dead = groups.stats().deadLettered.CLIENT_REJECT
    const sent = endpoint.received.length
    t.ok(dead > 5 && sent < 40, `${sent} were sent, ${dead} died`)
    await rig.clock.advance(600_000)
    await settle(50)
    t.equal(endpoint.received.length, sent, 'no push, no probe')
    t.equal(groups.stats().lockExpiries, 0, 'what is in hand stays there')
    t.equal(rig.paused, undefined, 'the endpoint itself works')
    endpoint.behave = ok
    await groups.resume('orders', 'billing')
    await until(() => groups.stats().acknowledged.accept === 40 - dead)
    t.same(new Set(endpoint.bodies).size, 40, 'nothing was lost')
  },
)
