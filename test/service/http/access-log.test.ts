// The log's lines about requests: at debug one for each, with what finds it again and nothing that is not the operator's to see.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DwellProcess } from '../../support/dwell-process.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

t.test('at the level debug each request is a line; a body, a key, a name or a token stands in none', async (t) => {
  const folder = t.testdir()
  const logPath = join(folder, 'log')
  const service = await DwellProcess.start({
    dataDirectory: join(folder, 'data'),
    logPath,
    settings: { DWELL_LOG_LEVEL: 'debug' },
  })
  t.teardown(() => service.kill())
  const call = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    service.client.call('POST', path, { body, headers })
  await call(
    '/v1/topics/planted-topic/messages',
    { value: 'planted-value', key: 'planted-key', headers: { x: 'planted-header' }, id: 'planted-id' },
    {
      'x-request-id': 'mine-1',
      traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
      tracestate: 'a=planted-state',
      authorization: 'Bearer planted-token',
    },
  )
  await call('/v1/topics/planted-topic/messages?planted=query', { values: 'planted-field' })
  await call('/planted/path', {})
  await service.stop()

  const lines = readFileSync(logPath, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const answered = lines.filter(({ msg, route }) => msg === 'A request was answered.' && route !== '/readyz')
  t.match(answered, [
    {
      level: 'debug',
      method: 'POST',
      route: '/v1/topics/:topic/messages',
      status: 201,
      tookMs: Number,
      requestId: 'mine-1',
      traceId: TRACE,
    },
    { status: 400, requestId: /^[0-9a-z]+-[0-9a-z]+$/ },
    { status: 404 },
  ])
  t.equal(answered.length, 3)
  t.notOk('traceId' in answered[1])
  t.notMatch(JSON.stringify(lines), 'planted')
})
