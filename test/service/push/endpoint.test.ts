// What an endpoint does to a group over time: pauses, probes, locks, bounds, and the end.

import t from 'tap'
import { DwellError } from '../../../storage/index.ts'
import { settle } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { ok, PushRig, type Received, TestEndpoint } from './push-rig.ts'

const fail = ({ answer }: Received) => answer(500)
const gone = ({ answer }: Received) => answer(410)
const countOf = ({ headers }: Received) => Number(headers['dwell-delivery-count'])
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => String(from + i))

/** Waits until the push of the next probe, `ms` later, is over; before it nothing is sent. */
async function probeAfter(rig: PushRig, endpoint: TestEndpoint, ms: number): Promise<void> {
  const { length } = endpoint.received
  const ended = rig.tookMs.length
  await rig.clock.advance(ms - 1)
  await settle()
  t.equal(endpoint.received.length, length, `nothing is sent within ${ms} ms`)
  await rig.clock.advance(1)
  await until(() => rig.tookMs.length > ended, `a probe after ${ms} ms`)
}

t.test('failures in a row pause the endpoint; from then on no failure is a try', async (t) => {
  const endpoint = await TestEndpoint.start(t, fail)
  const rig = await PushRig.start(t, { defaults: { retry: [3_600_000] } })
  const { groups } = rig.groups
  await rig.push(endpoint.url, { pauseAfter: 3, concurrency: 4 })
  await rig.published(...numbers(0, 20))
  await until(() => rig.paused !== undefined)
  await until(() => rig.pusher.stats().underWay === 0)
  t.match(rig.paused, { sinceMs: rig.clock.wallMs(), reason: '3 failures in a row, the last of them: HTTP 500' })
  await until(() => groups.stats().acknowledged.release === 2)
  const sent = endpoint.received.length
  t.ok(sent <= 2 + 4, `${sent} were sent: two tries, and at most four in hand`)
  for (const ms of [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
    await probeAfter(rig, endpoint, ms)
  }
  t.equal(endpoint.received.length, sent + 8, 'one push a probe')
  t.equal(groups.stats().acknowledged.release, 2)
  t.equal(groups.stats().lockExpiries, 0, 'locks were renewed')
  endpoint.behave = ok
  await probeAfter(rig, endpoint, 300_000)
  await until(() => groups.stats().acknowledged.accept === 18)
  t.equal(rig.paused, undefined)
  t.same(endpoint.received.map(countOf), Array(endpoint.received.length).fill(1), 'no try was counted')
  t.same(new Set(endpoint.bodies.slice(sent + 9, sent + 11)).size, 2)
})

t.test('what was kept goes first', async (t) => {
  const endpoint = await TestEndpoint.start(t, gone)
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url, { concurrency: 2 })
  await rig.published('a', 'b', 'c', 'd')
  await until(() => endpoint.received.length === 2 && rig.pusher.stats().underWay === 0)
  t.ok(rig.paused, 'a 410 is enough')
  endpoint.behave = ok
  await rig.groups.groups.resume('orders', 'billing')
  await until(() => rig.groups.groups.stats().acknowledged.accept === 4)
  t.same(endpoint.bodies.slice(2, 4).sort(), ['a', 'b'])
  t.same(endpoint.received.map(countOf), Array(6).fill(1))
})

t.test('a success between failures begins the row anew', async (t) => {
  let count = 0
  const endpoint = await TestEndpoint.start(t, (received) => (++count % 3 === 0 ? ok(received) : fail(received)))
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url, { pauseAfter: 3, concurrency: 1 })
  await rig.published(...numbers(0, 12))
  await until(() => rig.tookMs.length === 12)
  t.equal(rig.paused, undefined)
})

t.test('a message that is refused does not stand in the way of the probes', async (t) => {
  const endpoint = await TestEndpoint.start(t, fail)
  const rig = await PushRig.start(t, { defaults: { retry: [3_600_000] } })
  const { groups } = rig.groups
  await rig.push(endpoint.url, { pauseAfter: 1, concurrency: 1 })
  await rig.published('poison', 'good', 'better')
  await until(() => rig.paused !== undefined)
  endpoint.behave = (received) => (String(received.body) === 'poison' ? received.answer(400) : ok(received))
  await probeAfter(rig, endpoint, 5_000)
  await until(() => groups.stats().acknowledged.release === 1)
  t.ok(rig.paused, 'one answer about a message does not end the pause')
  await probeAfter(rig, endpoint, 5_000)
  await until(() => groups.stats().acknowledged.accept === 2)
  t.equal(rig.paused, undefined)
})

t.test('a pause survives a crash; then what was in hand is the probe, as the same try', async (t) => {
  const endpoint = await TestEndpoint.start(t, gone)
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url)
  await rig.published('a')
  await until(() => rig.paused !== undefined)
  const paused = rig.paused
  await settle()
  await rig.crash()
  t.same(rig.paused, paused)
  await rig.published('b')
  endpoint.behave = ok
  await probeAfter(rig, endpoint, 5_000)
  await until(() => endpoint.received.length === 3)
  t.same(endpoint.bodies, ['a', 'a', 'b'])
  t.same(endpoint.received.map(countOf), [1, 1, 1])
})

t.test('a paused group is not pushed, and goes on', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url)
  await rig.groups.groups.pause('orders', 'billing', '')
  await rig.published('a')
  await settle(50)
  t.same(endpoint.bodies, [])
  await rig.groups.groups.resume('orders', 'billing')
  await until(() => endpoint.received.length === 1)
})

t.test('while the group is paused, its endpoint is not even probed', async (t) => {
  const endpoint = await TestEndpoint.start(t, gone)
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url)
  await rig.published('a')
  await until(() => rig.paused !== undefined)
  await rig.groups.groups.pause('orders', 'billing', '')
  await rig.clock.advance(600_000)
  await settle(50)
  t.equal(endpoint.received.length, 1)
  t.equal(rig.groups.groups.stats().lockExpiries, 0, 'what is in hand stays there')
  endpoint.behave = ok
  await rig.groups.groups.resume('orders', 'billing')
  await until(() => endpoint.received.length === 2)
  t.equal(countOf(endpoint.received[1]), 1)
})

t.test('locks are renewed while a push lasts, however long', async (t) => {
  const endpoint = await TestEndpoint.start(t, () => {})
  const rig = await PushRig.start(t, { defaults: { lockMs: 6_000 } })
  const { groups } = rig.groups
  await rig.push(endpoint.url, { timeoutMs: 300_000 })
  await rig.published('a')
  await until(() => endpoint.received.length === 1)
  await rig.clock.advance(299_000)
  t.equal(groups.stats().lockExpiries, 0)
  endpoint.received[0].answer(200)
  await until(() => groups.stats().acknowledged.accept === 1)
})

t.test('what is kept is dropped when a reset takes its lock, and is pushed once when it comes again', async (t) => {
  const endpoint = await TestEndpoint.start(t, gone)
  const rig = await PushRig.start(t, { defaults: { lockMs: 6_000 } })
  const { groups } = rig.groups
  await rig.push(endpoint.url, { concurrency: 2 })
  await rig.published('a', 'b')
  await until(() => endpoint.received.length === 2 && rig.pusher.stats().underWay === 0)
  await groups.reset('orders', 'billing', 'earliest')
  await rig.clock.advance(2_000)
  t.equal(rig.pusher.stats().bytes, 0)
  await rig.clock.advance(2_000)
  t.equal(groups.stats().invalidReceipts, 2, 'nobody renews them any more')
  endpoint.behave = ok
  await groups.resume('orders', 'billing')
  await until(() => groups.stats().acknowledged.accept === 2)
  t.same(endpoint.bodies.slice(2).sort(), ['a', 'b'])
})

t.test('a push under way that lost its lock is not kept when it fails', async (t) => {
  const endpoint = await TestEndpoint.start(t, () => {})
  const rig = await PushRig.start(t, { defaults: { lockMs: 6_000 } })
  const { groups } = rig.groups
  await rig.push(endpoint.url, { concurrency: 1 })
  await rig.published('a')
  await until(() => endpoint.received.length === 1)
  await groups.reset('orders', 'billing', 'earliest')
  await rig.clock.advance(4_000)
  t.equal(groups.stats().invalidReceipts, 1, 'renewed once and no more')
  endpoint.behave = ok
  gone(endpoint.received[0])
  await until(() => rig.paused !== undefined)
  t.equal(rig.pusher.stats().bytes, 0)
  await groups.resume('orders', 'billing')
  await until(() => groups.stats().acknowledged.accept === 1)
  await settle(50)
  t.same(endpoint.bodies, ['a', 'a'])
})

t.test('at most `concurrency` at a time', async (t) => {
  const endpoint = await TestEndpoint.start(t, () => {})
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url, { concurrency: 3 })
  await rig.published(...numbers(0, 10))
  for (let answered = 0; answered < 10; answered++) {
    await until(() => endpoint.received.length >= Math.min(10, answered + 3))
    await settle()
    t.equal(endpoint.received.length, Math.min(10, answered + 3))
    endpoint.received[answered].answer(200)
  }
  await until(() => rig.groups.groups.stats().acknowledged.accept === 10)
  t.ok(endpoint.connections <= 3, `${endpoint.connections} connections`)
})

t.test('no more than `rate` a second', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url, { rate: 4 })
  await rig.published(...numbers(0, 10))
  await until(() => rig.tookMs.length === 1)
  for (let count = 2; count <= 6; count++) {
    await rig.clock.advance(249)
    await settle()
    t.equal(endpoint.received.length, count - 1)
    await rig.clock.advance(1)
    await until(() => rig.tookMs.length === count)
  }
  await rig.push(endpoint.url)
  await until(() => endpoint.received.length === 10)
})

t.test('N4: endpoints that hang do not delay others, though all sockets are taken', async (t) => {
  const topics = Object.fromEntries(numbers(0, 8).map((name) => [name, 1]))
  const rig = await PushRig.start(t, { topics, socketsMax: 16 })
  const hanging = await TestEndpoint.start(t, () => {})
  const dripping = await TestEndpoint.start(t, ({ response }) => void response.writeHead(200).write('.'))
  const good = await TestEndpoint.start(t)
  for (const topic of Object.keys(topics)) {
    const { url } = topic === '0' ? hanging : topic === '1' ? dripping : good
    await rig.push(url, {}, topic)
    await rig.groups.publish(topic, numbers(0, topic < '2' ? 40 : 1))
  }
  await until(() => rig.groups.groups.stats().acknowledged.accept === 6)
  const { underWay } = rig.pusher.stats()
  await until(() => hanging.received.length + dripping.received.length === underWay)
  t.ok(underWay <= 16 && underWay >= 8, `${underWay} hang`)
  for (const topic of numbers(2, 6)) await rig.groups.publish(topic, numbers(1, 50))
  await until(() => rig.groups.groups.stats().acknowledged.accept === 6 + 6 * 50)
  t.equal(rig.tookMs.length, 306, 'while the clock stood, and the two hung')
})

t.test('large records are in hand one by one when there is no room for more', async (t) => {
  const endpoint = await TestEndpoint.start(t, () => {})
  const rig = await PushRig.start(t, { bytesMax: 100_000 })
  await rig.push(endpoint.url, { concurrency: 8 })
  await rig.published(...numbers(0, 5).map((n) => n.repeat(60_000)))
  await until(() => endpoint.received.length === 2)
  await settle(50)
  t.equal(endpoint.received.length, 2, 'the one that went beyond the bound, and no more')
  for (let i = 0; i < 5; i++) {
    await until(() => endpoint.received.length > i)
    endpoint.received[i].answer(200)
  }
  await until(() => rig.groups.groups.stats().acknowledged.accept === 5)
  t.equal(rig.pusher.stats().bytes, 0)
})

t.test('a stop lets pushes under way end, and takes nothing more', async (t) => {
  const endpoint = await TestEndpoint.start(t, () => {})
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url, { concurrency: 2 })
  await rig.published('a', 'b', 'c')
  await until(() => endpoint.received.length === 2)
  let stopped = false
  rig.pusher.stop().then(() => {
    stopped = true
  })
  for (const received of endpoint.received) ok(received)
  await until(() => stopped)
  t.equal(rig.groups.groups.stats().acknowledged.accept, 2)
  await settle(50)
  t.equal(endpoint.received.length, 2)
})

t.test('an endpoint that has stopped is not woken by the room it leaves', async (t) => {
  const endpoint = await TestEndpoint.start(t, gone)
  const rig = await PushRig.start(t, { bytesMax: 10_000 })
  await rig.push(endpoint.url)
  await rig.published('a'.repeat(20_000))
  await until(() => rig.paused !== undefined)
  await rig.pusher.stop()
  t.ok(rig.clock.nextTimerInMs > 5_000, 'no timer')
  await rig.clock.advance(5_000)
  await settle(50)
  t.equal(rig.tookMs.length, 1, 'no probe')
})

t.test('nor while its last acknowledgements are on their way, by the room that another makes', async (t) => {
  const endpoint = await TestEndpoint.start(t, gone)
  const other = await TestEndpoint.start(t, () => {})
  const topics = { orders: 1, others: 1 }
  const rig = await PushRig.start(t, { bytesMax: 10_000, topics, defaults: { lockMs: 6_000 } })
  const { engine } = rig.groups
  await rig.push(other.url, { concurrency: 1 }, 'others')
  await rig.groups.publish('others', ['b'])
  await until(() => other.received.length === 1)
  await rig.push(endpoint.url)
  await rig.published('a'.repeat(20_000))
  await until(() => rig.paused !== undefined)
  await settle(50)
  const append = engine.append.bind(engine)
  const written = Promise.withResolvers<void>()
  engine.append = async (entries) => {
    await written.promise
    return append(entries)
  }
  await rig.clock.advance(2_000)
  const stopped = rig.pusher.stop()
  await settle(50)
  ok(other.received[0])
  await until(() => rig.tookMs.length === 2)
  await settle(50)
  written.resolve()
  await stopped
  t.ok(rig.clock.nextTimerInMs > 3_000, 'no timer')
  await rig.clock.advance(5_000)
  await settle(50)
  t.equal(rig.tookMs.length, 2, 'no probe')
})

t.test('a push that outlasts the stop is cut off, and comes again at the start', async (t) => {
  const endpoint = await TestEndpoint.start(t, () => {})
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url)
  await rig.published('a')
  await until(() => endpoint.received.length === 1)
  let stopped = false
  rig.pusher.stop().then(() => {
    stopped = true
  })
  await rig.clock.advance(7_999)
  t.notOk(stopped)
  await rig.clock.advance(1)
  await until(() => stopped)
  const { acknowledged } = rig.groups.groups.stats()
  t.same([acknowledged.accept, acknowledged.release], [0, 0])
  await rig.groups.crash()
  endpoint.behave = ok
  rig.open()
  await until(() => rig.groups.groups.stats().acknowledged.accept === 1)
  t.same(endpoint.received.map(countOf), [1, 1])
})

t.test('a push to an address of before is cut off too', async (t) => {
  const endpoint = await TestEndpoint.start(t, () => {})
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url, { timeoutMs: 300_000 })
  await rig.published('a')
  await until(() => endpoint.received.length === 1)
  await rig.push('http://hook.test/other')
  let stopped = false
  rig.pusher.stop().then(() => {
    stopped = true
  })
  await rig.clock.advance(8_000)
  await until(() => stopped)
  await until(() => endpoint.received[0].request.socket.destroyed)
  t.equal(rig.groups.groups.stats().acknowledged.release, 0)
})

t.test('settings take effect while it runs', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const other = await TestEndpoint.start(t)
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url)
  await rig.published('a')
  await until(() => endpoint.received.length === 1)
  await rig.push(endpoint.url, { headers: { 'x-env': 'new' } })
  await rig.published('b')
  await until(() => endpoint.received.length === 2)
  t.equal(endpoint.received[1].headers['x-env'], 'new')
  await rig.push(other.url)
  await rig.published('c')
  await until(() => other.received.length === 1)
  await rig.groups.groups.configure('orders', 'billing', { push: undefined })
  t.equal(rig.pusher.stats().endpoints, 0)
  await rig.published('d')
  await settle(50)
  t.same([...endpoint.bodies, ...other.bodies], ['a', 'b', 'c'])
  t.equal((await rig.groups.one()).offset, 3, 'it can be acquired now')
})

t.test('a disk that does not read delays the pushes by a second', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const rig = await PushRig.start(t)
  const { engine } = rig.groups
  await rig.published('a')
  const read = engine.read.bind(engine)
  engine.read = () => Promise.reject(new DwellError('READ_FAILED', 'EIO'))
  await rig.push(endpoint.url)
  await until(() => rig.logged.length > 0)
  engine.read = read
  await rig.clock.advance(999)
  await settle()
  t.same([endpoint.received.length, rig.logged.length], [0, 1])
  await rig.clock.advance(1)
  await until(() => endpoint.received.length === 1)
})

t.test('an acknowledgement that the log refuses is a push again when its lock is over', async (t) => {
  const endpoint = await TestEndpoint.start(t, () => {})
  const rig = await PushRig.start(t)
  const { engine, groups } = rig.groups
  await rig.push(endpoint.url)
  await rig.published('a')
  await until(() => endpoint.received.length === 1)
  const append = engine.append.bind(engine)
  engine.append = () => Promise.reject(new DwellError('DISK_FULL', 'full'))
  ok(endpoint.received[0])
  await until(() => rig.logged.length > 0)
  engine.append = append
  endpoint.behave = ok
  await until(() => rig.pusher.stats().endpoints === 1, 'the group, which is read again')
  await rig.clock.advance(30_000)
  await rig.clock.advance(5_000)
  await until(() => groups.stats().acknowledged.accept === 2)
  t.match(endpoint.received[1].headers, {
    'dwell-delivery-count': '2',
    'webhook-id': endpoint.received[0].headers['webhook-id'],
  })
})

t.test('a group that goes is not made anew by its endpoint', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url)
  await settle()
  await rig.groups.groups.forget('orders', 'billing')
  await rig.published('a')
  await settle(50)
  t.same(rig.groups.groups.list('orders'), [])
  await rig.push(endpoint.url)
  await until(() => endpoint.received.length === 1)
  await rig.groups.engine.deleteTopic('orders')
  await rig.groups.groups.forgetTopic('orders')
  await settle(50)
  t.equal(rig.pusher.stats().endpoints, 0)
})

t.test('logs name the host of an endpoint and no more of it', async (t) => {
  const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`
  const endpoint = await TestEndpoint.start(t, ({ answer, headers, url }) =>
    answer(410, {}, `Cannot POST ${url}, ${JSON.stringify(headers)}`),
  )
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url.replace('a=1', 'token=t-123'), {
    headers: { authorization: 'Bearer b-1234' },
    secrets: [secret],
  })
  await rig.published('a')
  await until(() => rig.paused !== undefined)
  endpoint.behave = ok
  await rig.groups.groups.resume('orders', 'billing')
  const text = JSON.stringify(rig.logged)
  t.match(text, new URL(endpoint.url).host)
  t.match(text, 'HTTP 410: Cannot POST …, {')
  t.notMatch(text, /whsec_|b-1234|t-123/)
})
