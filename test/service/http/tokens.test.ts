// test/faults/README.md rows A1, A2, A3, A29: who comes in with which token, and what he sees.

import t from 'tap'
import { RIGHTS } from '../../../service/access/rights.ts'
import { holder, tokensFolder, writeTokens } from '../../support/token-holders.ts'
import { startService } from '../running-service.ts'

t.test('a token guards every route but health', async (t) => {
  const shop = holder('shop', ['publish'])
  const { call } = await startService(t, { TOKENS_FILE: writeTokens(tokensFolder(t), [shop]) })
  const publish = (headers?: Record<string, string>) =>
    call('POST', '/v1/topics/orders/messages', { value: 1 }, headers)
  t.match(await publish(), { status: 401, json: { code: 'TOKEN_MISSING' }, headers: { 'www-authenticate': /^Bearer/ } })
  t.match(await publish({ authorization: 'Basic c2hvcDpzaG9w' }), { status: 401, json: { code: 'TOKEN_MISSING' } })
  t.match(await publish({ authorization: 'Bearer dwell_wrong' }), { status: 401, json: { code: 'TOKEN_WRONG' } })
  const other = holder('other', ['publish', 'consume', 'admin'])
  t.match(await publish(other.headers), { status: 401, json: { code: 'TOKEN_WRONG' } })
  t.match(await publish(shop.headers), { status: 201 })
  t.match(await call('GET', '/healthz'), { status: 200 })
  t.match(await call('GET', '/nowhere'), { status: 404 })
})

t.test(
  'lists, forecasts and redrives show what a token may see, and what it may not see is as if it were not there',
  async (t) => {
    const all = holder('all', RIGHTS)
    const shop = holder('shop', RIGHTS, ['shop.*', 'audit'])
    const { call } = await startService(t, { TOKENS_FILE: writeTokens(tokensFolder(t), [all, shop]) })
    for (const topic of ['shop.a', 'shop.b', 'audit', 'audit2', 'other']) {
      const messages = {
        messages: [
          { value: 1, delay: '30s' },
          { value: 2, delay: '300d' },
        ],
      }
      await call('POST', `/v1/topics/${topic}/messages`, messages, all.headers)
    }
    const asShop = async (path: string) => (await call('GET', path, undefined, shop.headers)).json
    t.same(
      (await asShop('/v1/topics')).topics.map(({ topic }: { topic: string }) => topic),
      ['audit', 'shop.a', 'shop.b'],
    )
    const { counts, overdue, later } = await asShop('/v1/forecast?seconds=60')
    t.same([counts.reduce((sum: number, count: number) => sum + count, 0), overdue, later], [3, 0, 3])
    t.equal((await call('GET', '/v1/forecast', undefined, all.headers)).json.later, 5)
    t.equal((await asShop('/v1/forecast?topic=audit')).later, 1)
    t.match(await asShop('/v1/forecast?topic=audit2'), { code: 'FORBIDDEN' })

    const redrive = async (topic: string) => {
      await call('POST', `/v1/topics/${topic}/groups/g/acquire`, {}, all.headers)
      return (await call('POST', `/v1/topics/${topic}/groups/g/dead-letters/redrive`, {}, all.headers)).json.task
    }
    const [own, foreign] = [await redrive('shop.a'), await redrive('other')]
    t.same(
      (await asShop('/v1/redrives')).redrives.map(({ task }: { task: string }) => task),
      [own],
    )
    t.match(await asShop(`/v1/redrives/${own}`), { task: own })
    const hidden = await asShop(`/v1/redrives/${foreign}`)
    t.same({ ...hidden, task: 'x', detail: hidden.detail.replace(foreign, 'x') }, await asShop('/v1/redrives/x'))
    t.match(await call('POST', `/v1/redrives/${foreign}/stop`, undefined, shop.headers), { status: 404 })
  },
)

t.test('metrics name topics, so they are for who sees all of them; those of a topic for who sees that', async (t) => {
  const all = holder('all', ['consume'])
  const some = holder('some', RIGHTS, ['shop.*'])
  const TOKENS_FILE = writeTokens(tokensFolder(t), [all, some])
  const { call } = await startService(t, { TOKENS_FILE })
  t.equal((await call('GET', '/metrics')).status, 401)
  t.match(await call('GET', '/metrics', undefined, some.headers), { status: 403, json: { code: 'FORBIDDEN' } })
  t.equal((await call('GET', '/metrics', undefined, all.headers)).status, 200)
  await call('POST', '/v1/topics/shop.orders/messages', { value: 1 }, some.headers)
  const detailed = (topic: string, headers = {}) =>
    call('GET', `/metrics/detailed?topic=${topic}`, undefined, headers).then(({ status }) => status)
  t.equal(await detailed('shop.orders'), 401)
  t.equal(await detailed('shop.orders', some.headers), 200)
  t.equal(await detailed('bank.orders', some.headers), 403, 'whether it exists is not told')
  t.equal(await detailed('bank.orders', all.headers), 404)
})

t.test('a setting opens the metrics', async (t) => {
  const TOKENS_FILE = writeTokens(tokensFolder(t), [holder('one', ['publish'])])
  const { call } = await startService(t, { TOKENS_FILE, METRICS_OPEN: true })
  t.equal((await call('GET', '/metrics')).status, 200)
  t.equal((await call('GET', '/metrics/detailed?topic=orders')).status, 404, 'it looks')
})

t.test('readiness tells strangers whether, and who has a token why', async (t) => {
  const one = holder('one', ['publish'], ['orders'])
  const { call } = await startService(t, { TOKENS_FILE: writeTokens(tokensFolder(t), [one]) })
  t.same((await call('GET', '/readyz')).json, { ready: true, publishing: true, clock: 'followed' })
  t.match((await call('GET', '/readyz', undefined, one.headers)).json, { ready: true, clusterId: /./ })
  const wrong = await call('GET', '/readyz', undefined, { authorization: 'Bearer x' })
  t.same([wrong.status, Object.keys(wrong.json)], [200, ['ready', 'publishing', 'clock']])
})
