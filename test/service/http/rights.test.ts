// test/faults/README.md rows A3, A4: every route with every right. The table is the decision: a route that is not in it fails here, and one that
// does not say what it asks is not even built.

import Fastify from 'fastify'
import t from 'tap'
import { RIGHTS, type Right } from '../../../service/access/rights.ts'
import { addFrontDoor } from '../../../service/http/front-door.ts'
import { ServedHosts } from '../../../service/http/served-hosts.ts'
import { holder, tokensFolder, writeTokens } from '../../support/token-holders.ts'
import { type RunningService, startService } from '../running-service.ts'

const TOPIC = '/v1/topics/{topic}'
const GROUP = `${TOPIC}/groups/{group}`
const DEAD = `${GROUP}/dead-letters`

/** Who may call it: with no token at all, or with one of these rights; and whether others' topics are refused or left out. */
const ROUTES: Record<string, { rights: readonly Right[]; topics?: 'left out' | 'all needed' }> = {
  [`POST ${TOPIC}/messages`]: { rights: ['publish'] },
  [`POST ${TOPIC}/raw`]: { rights: ['publish'] },
  [`GET ${TOPIC}/delayed/{id}`]: { rights: ['publish', 'admin'] },
  [`DELETE ${TOPIC}/delayed/{id}`]: { rights: ['publish', 'admin'] },
  [`PATCH ${TOPIC}/delayed/{id}`]: { rights: ['publish', 'admin'] },
  [`POST ${TOPIC}/delayed/{id}/dispatch`]: { rights: ['publish', 'admin'] },
  [`GET ${TOPIC}/delayed`]: { rights: ['consume', 'admin'] },
  [`GET ${TOPIC}/explain`]: { rights: RIGHTS },
  [`GET ${GROUP}/scale`]: { rights: ['consume', 'admin'] },
  'GET /v1/forecast': { rights: RIGHTS, topics: 'left out' },
  'GET /v1/topics': { rights: RIGHTS, topics: 'left out' },
  [`GET ${TOPIC}`]: { rights: RIGHTS },
  [`PUT ${TOPIC}`]: { rights: ['admin'] },
  [`DELETE ${TOPIC}`]: { rights: ['admin'] },
  [`GET ${TOPIC}/partitions/{partition}/records`]: { rights: ['consume'] },
  [`GET ${TOPIC}/partitions/{partition}/batches`]: { rights: ['consume'] },
  [`GET ${TOPIC}/groups`]: { rights: ['consume', 'admin'] },
  [`POST ${GROUP}/acquire`]: { rights: ['consume'] },
  [`POST ${GROUP}/acknowledge`]: { rights: ['consume'] },
  [`GET ${GROUP}`]: { rights: ['consume', 'admin'] },
  [`PUT ${GROUP}`]: { rights: ['admin'] },
  [`DELETE ${GROUP}`]: { rights: ['admin'] },
  [`POST ${GROUP}/reset`]: { rights: ['admin'] },
  [`POST ${GROUP}/pause`]: { rights: ['admin'] },
  [`POST ${GROUP}/resume`]: { rights: ['admin'] },
  [`GET ${DEAD}`]: { rights: ['consume', 'admin'] },
  [`GET ${DEAD}/count`]: { rights: ['consume', 'admin'] },
  [`GET ${DEAD}/reasons`]: { rights: ['consume', 'admin'] },
  [`POST ${DEAD}/redrive`]: { rights: ['admin'] },
  [`POST ${DEAD}/purge`]: { rights: ['admin'] },
  'GET /v1/redrives': { rights: ['consume', 'admin'], topics: 'left out' },
  'GET /v1/redrives/{task}': { rights: ['consume', 'admin'], topics: 'left out' },
  'POST /v1/redrives/{task}/stop': { rights: ['admin'], topics: 'left out' },
  'POST /v1/test/clock': { rights: ['admin'], topics: 'all needed' },
  'GET /metrics': { rights: RIGHTS, topics: 'all needed' },
  'GET /metrics/detailed': { rights: RIGHTS },
  'GET /healthz': { rights: [] },
  'GET /readyz': { rights: [] },
  'GET /docs': { rights: [] },
  'GET /docs/style.css': { rights: [] },
  'GET /docs/errors': { rights: [] },
  'GET /docs/errors/{code}': { rights: [] },
  'GET /openapi.json': { rights: [] },
}
const PLACES: Record<string, string> = {
  topic: 'orders',
  group: 'g',
  id: 'x',
  partition: '0',
  task: 'x',
  code: 'INTERNAL',
}

/** Of routes that are about a topic which their path does not name. */
const QUERIES: Record<string, string> = { 'GET /metrics/detailed': '?topic=orders' }

const ofRight = Object.fromEntries(RIGHTS.map((right) => [right, holder(right, [right], ['orders'])]))
const ofAllTopics = Object.fromEntries(RIGHTS.map((right) => [right, holder(`${right}-all`, [right])]))
const elsewhere = holder('elsewhere', RIGHTS, ['order', 'other*'])
const nothing = holder('unknown', RIGHTS)

async function guarded(t: Parameters<typeof startService>[0]): Promise<RunningService> {
  const holders = [...Object.values(ofRight), ...Object.values(ofAllTopics), elsewhere]
  return startService(t, { TOKENS_FILE: writeTokens(tokensFolder(t), holders), TEST_CLOCK: true })
}

t.test('every route has a row, and every row a route', async (t) => {
  const { json } = await (await guarded(t)).call('GET', '/openapi.json')
  const served = Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  t.strictSame(served.sort(), Object.keys(ROUTES).sort())
})

t.test('every route answers who may call it, and refuses everybody else', async (t) => {
  const { call } = await guarded(t)
  for (const [route, { rights, topics }] of Object.entries(ROUTES)) {
    const [method, template] = route.split(' ')
    const path = template.replaceAll(/\{(\w+)\}/g, (_, name) => PLACES[name]) + (QUERIES[route] ?? '')
    const statusWith = async (headers: Record<string, string>) => (await call(method, path, undefined, headers)).status
    const isOpen = rights.length === 0
    const refused = (status: number) => status === 401 || status === 403
    if (isOpen) t.notOk(refused(await statusWith({})), `${route}: anyone`)
    else t.equal(await statusWith({}), 401, `${route}: no token`)
    if (!isOpen) t.ok([401, 429].includes(await statusWith(nothing.headers)), `${route}: a token that is not known`)
    for (const right of RIGHTS) {
      const holders = topics === 'all needed' ? ofAllTopics : ofRight
      const status = await statusWith(holders[right].headers)
      if (isOpen || rights.includes(right)) t.notOk(refused(status), `${route}: ${right} may, ${status}`)
      else t.equal(status, 403, `${route}: ${right} may not`)
    }
    const status = await statusWith(elsewhere.headers)
    if (isOpen || topics === 'left out') t.notOk(refused(status), `${route}: a token for other topics, ${status}`)
    else t.equal(status, 403, `${route}: a token for other topics`)
  }
})

t.test('the document of the interface says which rights a route asks for', async (t) => {
  const { json } = await (await guarded(t)).call('GET', '/openapi.json')
  t.match(json.components.securitySchemes, { bearer: { type: 'http', scheme: 'bearer' } })
  for (const [route, { rights }] of Object.entries(ROUTES)) {
    const [method, path] = route.split(' ')
    const said = json.paths[path][method.toLowerCase()]
    t.strictSame(
      [said['x-rights'] ?? [], said.security],
      [rights, rights.length === 0 ? [] : [{}, { bearer: [] }]],
      route,
    )
  }
})

t.test('HEAD asks what GET asks', async (t) => {
  const { call } = await guarded(t)
  t.equal((await call('HEAD', '/v1/topics/orders/groups/g', undefined, ofRight.publish.headers)).status, 403)
  t.equal((await call('HEAD', '/v1/topics', undefined)).status, 401)
})

t.test('a route that does not say what it asks is not built', async (t) => {
  const app = Fastify()
  addFrontDoor(app, { access: { authenticator: undefined }, hosts: new ServedHosts('', false) })
  t.throws(() => app.get('/open', async () => ({})), /GET \/open does not say who may call it/)
})
