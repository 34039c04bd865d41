// The publisher: bounded, in order, each message once, and none that fails because of another.

import t, { type Test } from 'tap'
import { DwellClient, type Message, type PublisherOptions } from '../../../service/client/index.ts'
import { until } from '../../support/until.ts'
import { turns } from './manual-surroundings.ts'
import { type Answering, type Asked, scriptedService } from './scripted-service.ts'

let unhandled = 0
process.on('unhandledRejection', () => unhandled++)

interface Sent {
  value: number
  id: string
}

const sentIn = ({ body }: Asked): Sent[] => body.split('\n').map((line) => JSON.parse(line))

/** Answers as the service does when all is well. */
function accept(asked: Asked, answer: Answering): void {
  answer.json(201, { results: sentIn(asked).map(({ id, value }) => ({ id, topic: 'orders', partition: 0, offset: value })) }) // biome-ignore format: short
}

function publisherTo(t: Test, url: string, options: PublisherOptions = {}) {
  const client = new DwellClient({ url })
  t.teardown(() => client.close())
  return client.publisher('orders', options)
}

const messages = (count: number): Message[] => Array.from({ length: count }, (_, value) => ({ value }))

t.test('what comes while a request is under way forms the next one, in order', async (t) => {
  const held: (() => void)[] = []
  const service = await scriptedService(t, (asked, answer) => held.push(() => accept(asked, answer)))
  const publisher = publisherTo(t, service.url, { requestMessagesMax: 4 })
  const first = publisher.publish({ value: 0 })
  await until(() => held.length === 1)
  const rest = messages(10).slice(1).map((message) => publisher.publish(message)) // biome-ignore format: short
  for (let next = 0; next < 4; next++) {
    await until(() => held.length === next + 1)
    held[next]()
  }
  t.same(await Promise.all([first, ...rest]).then((results) => results.map((result) => 'offset' in result && result.offset)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) // biome-ignore format: short
  t.same(service.asked.map((asked) => sentIn(asked).length), [1, 4, 4, 1]) // biome-ignore format: short
  t.equal(new Set(service.asked.flatMap((asked) => sentIn(asked).map(({ id }) => id))).size, 10, 'each has an id')
  t.match(publisher.stats, { published: 10, requests: 4, failed: 0 })
})

t.test('no more is held than is allowed, and whoever waits has his turn', async (t) => {
  const held: (() => void)[] = []
  const service = await scriptedService(t, (asked, answer) => held.push(() => accept(asked, answer)))
  const publisher = publisherTo(t, service.url, { bufferMessagesMax: 3, waitingMax: 2 })
  const taken = messages(5).map((message) => publisher.publish(message))
  await t.rejects(publisher.publish({ value: 99 }), { code: 'PUBLISHER_FULL', retryable: true })
  let isReady = false
  void publisher.ready().then(() => (isReady = true))
  await until(() => held.length === 1)
  t.equal(sentIn(service.asked[0]).length, 3)
  t.notOk(isReady)
  held[0]()
  await until(() => held.length === 2)
  t.ok(isReady, 'the two that waited have room, and one more has')
  held[1]()
  await Promise.all(taken)
  await t.rejects(publisher.flush(), { code: 'PUBLISHER_FULL' }, 'the one that failed is told')
  await publisher.flush()
})

t.test('those who wait are let in as there is room for them', async (t) => {
  const service = await scriptedService(t, (asked, answer) => accept(asked, answer))
  const publisher = publisherTo(t, service.url, { bufferMessagesMax: 2 })
  await Promise.all(messages(6).map((message) => publisher.publish(message)))
  t.same(service.asked.map((asked) => sentIn(asked).length), [2, 2, 2]) // biome-ignore format: short
})

t.test('publishAll goes no faster than there is room', async (t) => {
  const service = await scriptedService(t, (asked, answer) => setImmediate(() => accept(asked, answer)))
  const publisher = publisherTo(t, service.url, { bufferMessagesMax: 10 })
  let ahead = 0
  await publisher.publishAll(
    (async function* () {
      for (const [i, message] of messages(200).entries()) {
        ahead = Math.max(ahead, i - publisher.stats.published)
        yield message
      }
    })(),
  )
  t.equal(publisher.stats.published, 200)
  t.ok(ahead <= 10, `${ahead} held at most`)
})

t.test('a message that is refused takes no other with it', async (t) => {
  const service = await scriptedService(t, (asked, answer) => {
    const wrong = sentIn(asked).findIndex(({ value }) => value === 2 || value === 4)
    if (wrong < 0) accept(asked, answer)
    else answer.problem(400, 'INVALID_FIELD', { line: wrong + 1 })
  })
  const publisher = publisherTo(t, service.url)
  const results = await Promise.allSettled(messages(6).map((message) => publisher.publish(message)))
  t.same(results.map(({ status }) => status === 'fulfilled'), [true, true, false, true, false, true]) // biome-ignore format: short
  t.match(publisher.stats, { published: 4, failed: 2 })
  const sent = service.asked.flatMap(sentIn)
  t.equal(new Set(sent.map(({ id }) => id)).size, 6, 'sent again under the same ids')
})

t.test('a request that is too large is sent in halves', async (t) => {
  const service = await scriptedService(t, (asked, answer) => {
    if (sentIn(asked).length > 2) answer.problem(413, 'TOO_MANY_MESSAGES', { limit: 2 })
    else accept(asked, answer)
  })
  const publisher = publisherTo(t, service.url)
  await Promise.all(messages(7).map((message) => publisher.publish(message)))
  t.equal(publisher.stats.published, 7)
  const taken = service.asked.filter((asked) => sentIn(asked).length <= 2).flatMap(sentIn) // biome-ignore format: short
  t.same(taken.map(({ value }) => value), [0, 1, 2, 3, 4, 5, 6], 'in order') // biome-ignore format: short
})

t.test('a lost answer: the same request again, and its duplicates are our own', async (t) => {
  const service = await scriptedService(t, (asked, answer, index) => {
    if (index === 0) answer.hangUp(true)
    else answer.json(201, { results: sentIn(asked).map(({ id }) => ({ id, topic: 'orders', partition: 0, offset: 1, duplicate: true })) }) // biome-ignore format: short
  })
  const publisher = publisherTo(t, service.url)
  const [made, own] = await Promise.all([publisher.publish({ value: 1 }), publisher.publish({ value: 2, id: 'mine' })])
  t.equal(service.asked[0].body, service.asked[1].body)
  t.notOk('duplicate' in made)
  t.ok('duplicate' in own, 'of an id that others may have used nobody can tell')
  t.match(publisher.stats, { published: 2, duplicates: 1, repeated: 1 })
})

t.test('what nobody waits for is told by flush, and is no unhandled rejection', async (t) => {
  const service = await scriptedService(t, (_asked, answer) => answer.problem(403, 'FORBIDDEN'))
  const publisher = publisherTo(t, service.url)
  for (const message of messages(3)) void publisher.publish(message)
  void publisher.publish({ value: undefined })
  await t.rejects(publisher.flush(), { code: 'INVALID_ARGUMENT' }, 'the first failure')
  void publisher.publish({ value: 1 })
  await t.rejects(publisher.close(), { code: 'FORBIDDEN' })
  void publisher.publish({ value: 2 })
  const silent = await scriptedService(t, () => {})
  const aborted = publisherTo(t, silent.url)
  void aborted.publish({ value: 1 })
  await until(() => silent.asked.length === 1)
  aborted.abort(new Error('enough'))
  await t.rejects(aborted.flush(), /enough/)
  await turns()
  t.equal(unhandled, 0)
})
