// /docs and the pages of error codes: whole, linked, and made of nothing that somebody stored (test/faults/README.md row A27).

import t, { type Test } from 'tap'
import { ERRORS } from '../../../service/errors.ts'
import { html } from '../../../service/http/docs/html.ts'
import { holder, tokensFolder, writeTokens } from '../../support/token-holders.ts'
import { type Answer, type RunningService, startService } from '../running-service.ts'

const BROWSER = { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' }
const CODES = Object.keys(ERRORS)
const PAGES = ['/docs', '/docs/errors', ...CODES.map((code) => `/docs/errors/${code}`)]

/** Of all tests but the one with tokens; only the last one stores anything. */
const service = await startService(t)
const open = ({ call }: RunningService, path: string) => call('GET', path, undefined, BROWSER)

function checkPage(t: Test, { status, headers, text }: Answer, path: string): void {
  t.equal(status, 200, path)
  t.match(headers, {
    'content-type': 'text/html; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'content-security-policy': /^default-src 'self'; script-src 'none';.* frame-ancestors 'none'$/,
  })
  t.notMatch(
    text,
    /<script|\son\w+=|style=|javascript:|(?:src|href)="(?:https?:)?\/\//i,
    `${path}: nothing runs or comes from elsewhere`,
  )
}

t.test('every page is there, loads nothing from elsewhere, and every link leads somewhere', async (t) => {
  const texts = new Map<string, string>()
  for (const path of PAGES) {
    const answer = await open(service, path)
    checkPage(t, answer, path)
    texts.set(path, answer.text)
  }
  for (const [path, text] of texts) {
    for (const [, href] of text.matchAll(/href="([^"]+)"/g)) {
      if (href === 'data:,') continue
      const [to, anchor] = href.split('#')
      const target = texts.get(to === '' ? path : to)
      if (target === undefined) t.equal((await service.call('GET', to)).status, 200, `${path}: ${href}`)
      else if (anchor !== undefined && !target.includes(` id="${anchor}"`)) t.fail(`${path}: ${href}`)
    }
  }
})

t.test('every route of the interface is on the page, with a call, its fields and its codes', async (t) => {
  const { text } = await open(service, '/docs')
  const { paths, components } = (await service.call('GET', '/openapi.json')).json
  for (const [path, operations] of Object.entries<Record<string, { operationId: string }>>(paths)) {
    for (const [method, { operationId }] of Object.entries(operations)) {
      const [, article] = text.split(`<article id="${operationId}">`)
      t.ok(article, `${method} ${path}`)
      const called = method === 'get' ? 'curl -s ' : `curl -s -X ${method.toUpperCase()} `
      t.ok(article.split('</article>')[0].includes(called), `${method} ${path}: how to call it`)
    }
  }
  for (const name of Object.keys(components.schemas)) t.match(text, `id="shape-${name}"`)
  const publishing = text.split('<article id="publish">')[1].split('</article>')[0]
  for (const code of ['DELAY_TOO_LONG', 'MESSAGE_TOO_LARGE']) t.match(publishing, `href="/docs/errors/${code}"`)
  t.match(text, /a whole number from 1 to 7200/, 'the limits of the forecast')
})

t.test('the page of a code says what to do, whether to try again, and where it comes from', async (t) => {
  const late = await open(service, '/docs/errors/ALREADY_DISPATCHED')
  t.match(late.text, /What to do<\/h2>\s*<ol><li>Take it as the answer/)
  t.match(late.text, /No\. The same request gets the same answer/)
  t.match(late.text, /href="\/docs#cancelDelayedMessage"/)
  t.match((await open(service, '/docs/errors/OVERLOADED')).text, /Yes\. Wait as long as <code>Retry-After<\/code>/)
  t.match((await open(service, '/docs/errors/INVALID_SETTING')).text, /No route answers it/)
})

t.test('the type of a problem leads there; who takes no HTML gets the same as JSON', async (t) => {
  const { call } = service
  const { json } = await call('GET', '/v1/topics/nowhere')
  const { status, headers, json: meaning } = await call('GET', json.type)
  t.match({ status, vary: headers.vary }, { status: 200, vary: 'Accept' })
  t.match(meaning, {
    code: 'TOPIC_NOT_FOUND',
    status: 404,
    retryable: false,
    means: String,
    because: [String],
    todo: [String],
  })
  for (const code of ['toString', 'topic_not_found', '%3Cscript%3E'])
    t.match(await call('GET', `/docs/errors/${code}`, undefined, BROWSER), {
      status: 404,
      json: { code: 'ROUTE_NOT_FOUND' },
    })
})

t.test('where tokens are asked for, pages are open and say so, and name nothing that is stored', async (t) => {
  const shop = holder('shop', ['publish', 'consume', 'admin'])
  const TOKENS_FILE = writeTokens(tokensFolder(t), [shop])
  const service = await startService(t, { TOKENS_FILE })
  await service.call('PUT', '/v1/topics/secret-topic', {}, shop.headers)
  const { text } = await open(service, '/docs')
  t.match(text, 'Authorization: Bearer $DWELL_TOKEN')
  t.notMatch(text, 'secret-topic')
})

t.test('A27: what somebody stored or sent is on no page, escaped or not', async (t) => {
  const { call } = service
  const evil = `"'><script>document.title='owned'</script><img src=x onerror=alert(1)>`
  const group = '/v1/topics/orders/groups/billing'
  await call('POST', '/v1/topics/orders/messages', {
    value: evil,
    key: evil,
    headers: { [evil]: evil },
    id: evil,
    delay: '1h',
  })
  await call('POST', '/v1/topics/orders/messages', { value: evil })
  const [{ receipt }] = (await call('POST', `${group}/acquire`, {})).json.records
  await call('POST', `${group}/acknowledge`, { acknowledgements: [{ receipt, type: 'reject', reason: evil }] })
  await call('POST', `${group}/pause`, { reason: evil })
  for (const path of [
    '/docs',
    '/docs/errors',
    '/docs/errors/INVALID_FIELD',
    `/docs/errors/${encodeURIComponent(evil)}`,
  ]) {
    const answer = await call('GET', path, undefined, { ...BROWSER, 'user-agent': evil, referer: evil })
    t.notMatch(answer.text, /owned|onerror/, path)
  }
  const refused = await call('GET', `/nowhere/${encodeURIComponent(evil)}`, undefined, BROWSER)
  t.match(refused.headers, { 'content-type': /^application\/problem\+json/, 'x-content-type-options': 'nosniff' })
  t.equal(
    html`<p title="${evil}">${evil}</p>`.text
      .replaceAll(/&\w+;|&#39;/g, '')
      .match(/[<>"']/g)
      ?.join(''),
    '<""><>',
    'a template lets nothing out',
  )
})
