// The client against the real service: every method, TLS with an authority of one's own, tokens and rights.

import t from 'tap'
import { type CallError, DwellClient, valueBytes } from '../../../service/client/index.ts'
import { hasOpenssl, makeCertificate } from '../../support/certificates.ts'
import { holder, tokensFolder, writeTokens } from '../../support/token-holders.ts'
import { startService } from '../running-service.ts'

t.test('every part of the interface', async (t) => {
  const { port } = await startService(t)
  const client = new DwellClient({ url: `http://127.0.0.1:${port}` })
  t.teardown(() => client.close())
  t.match(await client.ready(), { ready: true, publishing: true, clock: 'followed' })
  t.match(await client.topics.put('orders', { partitions: 2, retention: '7d' }), { partitions: [{ partition: 0 }, { partition: 1 }] }) // biome-ignore format: short
  t.match(await client.topics.list(), [{ topic: 'orders', partitions: 2, retention: '7d' }])

  const bytes = new Uint8Array([0xff, 0, 1])
  const [text, binary] = await client.publish('orders', [
    { value: 'text', partition: 0 },
    { value: bytes, partition: 0 },
  ])
  t.match(
    [text, binary],
    [
      { partition: 0, offset: 0 },
      { partition: 0, offset: 1 },
    ],
  )
  const { records, nextOffset } = await client.topics.records('orders', 0)
  t.equal(nextOffset, 2)
  t.same(records.map(valueBytes).map((value) => [...value]), [[...Buffer.from('text')], [0xff, 0, 1]]) // biome-ignore format: short

  const delayed = client.delayed('orders')
  const many = Array.from({ length: 25 }, (_, i) => ({ value: i, delay: `${i + 1}h`, id: `id-${i}` }))
  await client.publish('orders', many)
  const [again] = await client.publish('orders', many.slice(0, 1))
  t.match(again, { id: 'id-0', duplicate: true })
  const listed: unknown[] = []
  for await (const { value } of delayed.list({ pageSize: 10 })) listed.push(value)
  t.same(listed, [...many.keys()], 'all pages, in order of due time')
  t.match(await delayed.reschedule('id-0', { deliverAt: new Date(Date.now() + 60_000) }), {
    id: 'id-0',
    state: 'pending',
  })
  t.match(await delayed.dispatch('id-1'), { state: 'dispatched', partition: /\d/ })
  await delayed.cancel('id-2')
  t.match(await delayed.get('id-2'), { state: 'cancelled' })
  await t.rejects(delayed.cancel('id-1'), { code: 'ALREADY_DISPATCHED', status: 409, retryable: false, harmless: true })
  await t.rejects(delayed.get('id/..?#%'), { code: 'MESSAGE_NOT_FOUND' }, 'an id of any form')
  t.equal((await client.forecast({ minutes: 5, topic: 'orders' })).counts.length, 5)
  t.match(await client.explain('orders', { id: 'id-3' }), { state: 'pending', because: 'not-due' })
  t.match(await client.metrics(), /^dwell_delayed_pending 23$/m)

  const group = client.group('orders', 'billing')
  t.match(await group.put({ retry: [], lock: '10s', deadLetters: { retention: '90d' } }), { retry: [], lock: '10s' })
  const acquired = await group.acquire({ max: 3, waitMs: 1_000 })
  t.equal(acquired.records.length, 3)
  const [a, b, c] = acquired.records.map(({ receipt }) => receipt)
  t.match(await group.acknowledge([{ receipt: a, type: 'renew', lock: '20s' }]), [{ state: 'acquired' }])
  const said = await group.acknowledge([{ receipt: a, type: 'accept' }, { receipt: b, type: 'reject', reason: 'no such customer' }, { receipt: c, type: 'release', reason: 'bank offline' }]) // biome-ignore format: short
  t.match(said, [{ state: 'acknowledged' }, { state: 'dead' }, { state: 'dead' }])
  t.match(await group.acknowledge([{ receipt: a, type: 'accept' }]), [
    { state: 'invalid', code: 'INVALID_RECORD_STATE' },
  ])
  t.match(await client.topics.groups('orders'), [{ group: 'billing' }])
  t.match(await group.scale(), { ready: 0, inFlight: 0 })
  t.match(await group.pause('bank'), { paused: { reason: 'bank' } })
  t.match(await group.acquire({ waitMs: 1 }), { records: [], paused: true, reason: 'bank' })
  t.notOk((await group.resume()).paused)

  const dead = client.deadLetters('orders', 'billing')
  t.match(await Array.fromAsync(dead.list({ reason: 'bank' }, { pageSize: 1 })), [{ reason: 'bank offline', cause: 'DELIVERY_COUNT_EXCEEDED' }]) // biome-ignore format: short
  t.equal((await Array.fromAsync(dead.list({}, { pageSize: 1 }))).length, 2)
  t.equal(await dead.count({ 'header.nothing': 'x' }), 0)
  t.match(await dead.reasons(), { reasons: [{ count: 1 }, { count: 1 }], others: 0 })
  const looks: string[] = []
  const task = await dead.redrive({ filter: { reason: 'bank', from: new Date(0) } })
  const ended = await client.redrives.wait(task, { everyMs: 5, onProgress: ({ state }) => looks.push(state) })
  t.match(ended, { state: 'done', matched: 1, moved: 1, failed: 0 })
  t.equal(looks.at(-1), 'done')
  t.match(await client.redrives.list(), [{ task }])
  t.match(await client.redrives.stop(task), { state: 'done' })
  t.equal(await dead.purge(), 1)
  t.match(await group.reset('earliest'), { partitions: [{ startOffset: 0 }, { startOffset: 0 }] })
  await group.delete()
  await t.rejects(group.describe(), { code: 'GROUP_NOT_FOUND', status: 404 })
  await client.topics.delete('orders')
  await t.rejects(client.topics.get('orders'), { code: 'TOPIC_NOT_FOUND' })
})

t.test('tokens: who may not is told so, and a consumer that may not ends', async (t) => {
  const publisher = holder('shop', ['publish'])
  const file = writeTokens(tokensFolder(t), [publisher])
  const { port } = await startService(t, { TOKENS_FILE: file })
  const url = `http://127.0.0.1:${port}`
  const codeOf = async (token: string | undefined, task: (client: DwellClient) => Promise<unknown>) => {
    const client = new DwellClient({ url, token })
    return task(client).then(
      () => 'done',
      ({ code, status, retryable }: CallError) => {
        client.close()
        return [code, status, retryable]
      },
    )
  }
  const publish = (client: DwellClient) => client.publish('orders', { value: 1 }).finally(() => client.close())
  t.same(await codeOf(publisher.token, publish), 'done')
  t.same(await codeOf(undefined, publish), ['TOKEN_MISSING', 401, false])
  t.same(await codeOf('wrong', publish), ['TOKEN_WRONG', 401, false])
  const told: string[] = []
  const consume = (client: DwellClient) => {
    return client.consume('orders', 'g', () => {}, { onError: ({ code }) => told.push(code) }).done
  }
  t.same(await codeOf(publisher.token, consume), ['FORBIDDEN', 403, false])
  t.same(told, ['FORBIDDEN'])
})

t.test(
  'TLS: the authority that is given is trusted, no other',
  { skip: hasOpenssl() ? false : 'no openssl' },
  async (t) => {
    const folder = tokensFolder(t)
    const { certificate, key, pem } = makeCertificate(folder, 'service')
    const { port } = await startService(t, { TLS_CERTIFICATE_FILE: certificate, TLS_KEY_FILE: key })
    const url = `https://localhost:${port}`
    const client = new DwellClient({ url, ca: pem.cert })
    t.match(await client.ready(), { ready: true })
    t.match(await client.publish('orders', { value: 1 }), { offset: 0 })
    client.close()
    const stranger = new DwellClient({ url, retryForMs: 5_000 })
    await t.rejects(stranger.ready(), { code: 'TLS_FAILED', retryable: false, harmless: true })
    stranger.close()
    const other = makeCertificate(folder, 'other')
    const wrong = new DwellClient({ url, ca: other.pem.cert })
    await t.rejects(wrong.ready(), { code: 'TLS_FAILED' })
    wrong.close()
    const plain = new DwellClient({ url: url.replace('https', 'http'), retryForMs: 0 })
    t.match(await plain.ready().catch((error) => error), { status: /^(0|400)$/ })
    plain.close()
  },
)
