// test/faults/README.md rows A1, A19, A26: forms of a request that two programs would read differently, so that what one lets through the other
// takes for something else. Each is refused, or read in the one way that is safe; after a refusal for its form the connection
// ends, so that nothing behind it is taken for a request.

import { connect } from 'node:net'
import t from 'tap'
import { RIGHTS } from '../../../service/access/rights.ts'
import { holder, tokensFolder, writeTokens } from '../../support/token-holders.ts'
import { startService } from '../running-service.ts'

const owner = holder('owner', RIGHTS)
const other = holder('other', ['publish'], ['elsewhere'])
const HOST = 'Host: localhost'
const TOKEN = `Authorization: Bearer ${owner.token}`
const JSON_TYPE = 'Content-Type: application/json'
const BODY = '{"value":1}'
const SIZE = `Content-Length: ${BODY.length}`
const HIDDEN = 'DELETE /v1/topics/orders HTTP/1.1\r\nHost: localhost\r\n\r\n'

function request(line: string, ...headers: string[]): string {
  return `${line}\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`
}

const publish = (...headers: string[]) =>
  request('POST /v1/topics/orders/messages HTTP/1.1', HOST, TOKEN, JSON_TYPE, ...headers)
const look = (...headers: string[]) => request('GET /v1/topics/orders HTTP/1.1', ...headers)

/** Comes behind each; answered only where the connection goes on. */
const LAST = request('GET /healthz HTTP/1.1', HOST, 'Connection: close')

/** What is sent, and the statuses of all that is answered until the connection ends; 200 at the end is that of the last request. */
const FORMS: Record<string, [sent: string, statuses: readonly number[]]> = {
  'as it should be': [publish(SIZE) + BODY, [201, 200]],
  'a length and chunks': [`${publish(SIZE, 'Transfer-Encoding: chunked')}0\r\n\r\n${HIDDEN}`, [400]],
  'chunks and a length': [`${publish('Transfer-Encoding: chunked', SIZE)}0\r\n\r\n${HIDDEN}`, [400]],
  'two lengths': [`${publish(SIZE, 'Content-Length: 0')}${BODY}`, [400]],
  'the same length twice': [`${publish(SIZE, SIZE)}${BODY}`, [400]],
  'a list of lengths': [`${publish('Content-Length: 11, 11')}${BODY}`, [400]],
  'a length with a sign': [`${publish('Content-Length: +11')}${BODY}`, [400]],
  'a negative length': [`${publish('Content-Length: -1')}${BODY}`, [400]],
  'a length in hexadecimal': [`${publish('Content-Length: 0xb')}${BODY}`, [400]],
  'a length beyond 2^64': [`${publish('Content-Length: 18446744073709551627')}${BODY}`, [400]],
  'chunks that are not last': [`${publish('Transfer-Encoding: chunked, identity')}0\r\n\r\n${HIDDEN}`, [400]],
  'another coding': [`${publish('Transfer-Encoding: xchunked')}0\r\n\r\n${HIDDEN}`, [400]],
  'a coding before chunks': [`${publish('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`, [400]],
  'chunks twice': [`${publish('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n${HIDDEN}`, [400]],
  'a space before the colon': [`${publish('Transfer-Encoding : chunked')}0\r\n\r\n${HIDDEN}`, [400]],
  'a folded header': [publish('X-One: a\r\n b', SIZE) + BODY, [400]],
  'a folded coding': [`${publish('Transfer-Encoding:\r\n chunked')}0\r\n\r\n${HIDDEN}`, [400]],
  'lines that end in LF alone': [look(HOST, TOKEN).replaceAll('\r\n', '\n'), [400]],
  'one line that ends in LF alone': [look(`${HOST}\nX-One: a`, TOKEN), [400]],
  'a CR in a value': [look(HOST, 'X-One: a\rb', TOKEN), [400]],
  'a NUL in a value': [look(HOST, 'X-One: a\0b', TOKEN), [400]],
  'a NUL in a name': [look(HOST, 'X-\0One: a', TOKEN), [400]],
  'a name of nothing': [look(HOST, ': a', TOKEN), [400]],
  'a chunk size that overflows': [`${publish('Transfer-Encoding: chunked')}ffffffffffffffff1\r\nx\r\n0\r\n\r\n`, [400]],
  'a chunk size with a sign': [`${publish('Transfer-Encoding: chunked')}-1\r\nx\r\n0\r\n\r\n`, [400]],
  'a chunk size that ends in LF alone': [`${publish('Transfer-Encoding: chunked')}b\n${BODY}\r\n0\r\n\r\n`, [400]],
  'a token among the trailers': [
    `${request('POST /v1/topics/orders/messages HTTP/1.1', HOST, JSON_TYPE, 'Transfer-Encoding: chunked', 'Trailer: Authorization')}b\r\n${BODY}\r\n0\r\n${TOKEN}\r\n\r\n`,
    [401],
  ],
  'HTTP/1.1 without a Host': [look(TOKEN), [400]],
  'HTTP/1.0 without a Host': [request('GET /v1/topics/orders HTTP/1.0', TOKEN, 'Connection: keep-alive'), [200, 200]],
  'HTTP/1.0 of another name': [
    request('GET /v1/topics/orders HTTP/1.0', 'Host: evil.example', TOKEN, 'Connection: keep-alive'),
    [403, 200],
  ],
  'HTTP/2 that was not agreed on': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400]],
  'HTTP/1.2': [request('GET /v1/topics/orders HTTP/1.2', HOST, TOKEN), [400]],
  'two Hosts': [look(HOST, 'Host: evil.example', TOKEN), [400]],
  'two Hosts, the foreign one first': [look('Host: evil.example', HOST, TOKEN), [400]],
  'the same Host twice': [look(HOST, HOST, TOKEN), [400]],
  'two tokens': [look(HOST, TOKEN, `Authorization: Bearer ${other.token}`), [400]],
  'two tokens, the wrong one first': [look(HOST, 'Authorization: Bearer x', TOKEN), [400]],
  'two tokens in one header': [look(HOST, `${TOKEN}, Bearer ${other.token}`), [401, 200]],
  'two origins': [look(HOST, TOKEN, 'Origin: http://localhost', 'Origin: http://evil.example'), [400]],
  'a whole URL': [request('GET http://localhost/v1/topics/orders HTTP/1.1', HOST, TOKEN), [400]],
  'a whole URL of another host': [request('GET http://evil.example/v1/topics/orders HTTP/1.1', HOST, TOKEN), [400]],
  'no path': [request('OPTIONS * HTTP/1.1', HOST, TOKEN), [400]],
  'a tunnel': [request('CONNECT evil.example:443 HTTP/1.1', HOST, TOKEN), [400]],
  'two slashes': [request('GET //v1/topics/orders HTTP/1.1', HOST, TOKEN), [404, 200]],
  'a path with dots': [request('GET /v1/x/../topics/orders HTTP/1.1', HOST, TOKEN), [404, 200]],
  'a path with escaped dots': [request('GET /v1/%2e%2e/v1/topics/orders HTTP/1.1', HOST, TOKEN), [404, 200]],
  'another method by a header': [look(HOST, TOKEN, 'X-HTTP-Method-Override: DELETE'), [200, 200]],
  TRACE: [request('TRACE /v1/topics/orders HTTP/1.1', HOST, TOKEN), [405, 200]],
  'a change to WebSocket': [look(HOST, TOKEN, 'Connection: Upgrade, close', 'Upgrade: websocket'), [200]],
  'a change to HTTP/2': [
    look(HOST, TOKEN, 'Connection: Upgrade, HTTP2-Settings, close', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'),
    [200],
  ],
  'an expectation that nobody knows': [publish(SIZE, 'Expect: a miracle') + BODY, [400]],
  'an expectation that is kept': [publish(SIZE, 'Expect: 100-Continue') + BODY, [100, 201, 200]],
  'a body where none is expected': [`${look(HOST, TOKEN, `Content-Length: ${HIDDEN.length}`)}${HIDDEN}`, [200, 200]],
  'a refused body that looks like a request': [
    `${request('POST /v1/topics/orders/messages HTTP/1.1', HOST, JSON_TYPE, `Content-Length: ${HIDDEN.length}`)}${HIDDEN}`,
    [401, 200],
  ],
}

t.test('forms that could be read in two ways are read in one', async (t) => {
  const service = await startService(t, {
    TOKENS_FILE: writeTokens(tokensFolder(t), [owner, other]),
    ALLOWED_HOSTS: 'dwell.example',
  })
  const call = (method: string, path: string, body?: unknown) => service.call(method, path, body, owner.headers)
  t.equal((await call('PUT', '/v1/topics/orders', { partitions: 1 })).status, 201)
  for (const [what, [sent, statuses]] of Object.entries(FORMS)) {
    const answers = await answersTo(service.port, sent)
    t.strictSame(statusesIn(answers), statuses, what)
    if (statuses[0] >= 400) t.match(answers, /application\/problem\+json/, `${what}: says what is wrong`)
  }
  t.equal((await call('GET', '/v1/topics/orders')).status, 200, 'nothing that was hidden was done')
  const { json } = await call('GET', '/v1/topics/orders/partitions/0/records')
  t.equal(json.records.length, 2, 'what was refused is not published')
})

/** All that comes back until the service hangs up. */
function answersTo(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let answers = ''
    socket.setEncoding('latin1').on('data', (part) => (answers += part))
    socket.on('error', () => {}).on('close', () => resolve(answers))
    socket.write(`${text}${LAST}`, 'latin1')
  })
}

function statusesIn(answers: string): number[] {
  const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
  // A request that is refused for its form, and again by the parser where it ends, is refused.
  return statuses.filter((status, i) => !(status === 400 && statuses[i - 1] === 400))
}
