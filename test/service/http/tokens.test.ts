// FAULTS.md rows A1, A2, A3: who comes in with which token, and what he sees.

import t from 'tap'
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
