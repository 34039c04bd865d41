import t from 'tap'
import { startService } from '../running-service.ts'

t.test('dead letters of a topic or group that is not there', async (t) => {
  const { call } = await startService(t)
  await call('PUT', '/v1/topics/orders', {})
  for (const end of ['', '?key=x', '/count', '/count?key=x']) {
    const of = (topic: string, group: string) => call('GET', `/v1/topics/${topic}/groups/${group}/dead-letters${end}`)
    t.match(await of('nope', 'billing'), { status: 404, json: { code: 'TOPIC_NOT_FOUND' } }, end)
    t.match(await of('orders', 'nope'), { status: 404, json: { code: 'GROUP_NOT_FOUND' } }, end)
  }
})

t.test('a group has at most as many tiers as the setting, and the refusal says how many', async (t) => {
  const { call } = await startService(t)
  await call('PUT', '/v1/topics/orders', {})
  const put = (retry: unknown) => call('PUT', '/v1/topics/orders/groups/billing', { retry })
  t.match(await put(Array(20).fill('1s')), { status: 201 })
  for (const retry of [Array(21).fill('1s'), { first: '1s', factor: 2, count: 21 }]) {
    t.match(await put(retry), { status: 400, json: { code: 'INVALID_FIELD', detail: /\b20\b/ } })
  }
})
