// A refusal shows what was given, and says what would be right, or which limit it is beyond.

import t from 'tap'
import { startService } from '../running-service.ts'

const ROWS: [fields: string, code: string, detail: RegExp, more?: object][] = [
  ['"delay":null', 'INVALID_DURATION', /^delay is null, not a duration: give a number of milliseconds, or text/],
  ['"delay":true', 'INVALID_DURATION', /^delay is true, not a duration/],
  ['"delay":["5s"]', 'INVALID_DURATION', /^delay is a list, not a duration/],
  ['"delay":{"ms":5}', 'INVALID_DURATION', /^delay is an object, not a duration/],
  ['"delay":""', 'INVALID_DURATION', /^delay is "", not a duration/],
  ['"delay":-1', 'INVALID_DURATION', /^delay is -1, less than the limit of 0 ms: give/, { limit: 0 }],
  ['"delay":1e20', 'INVALID_DURATION', /^delay is 100000000000000000000, more than the limit of \d+ ms: give/],
  ['"delay":"999999999999d"', 'INVALID_DURATION', /more than the limit of/, { limit: Number.MAX_SAFE_INTEGER }],
  ['"deliverAt":null', 'INVALID_TIME', /^deliverAt is null, not a time: give RFC 3339/],
  ['"deliverAt":"tomorrow"', 'INVALID_TIME', /^deliverAt is "tomorrow", not a time/],
  ['"deliverAt":-1', 'INVALID_TIME', /^deliverAt is -1, earlier than the limit of 1970-01-01T00:00:00\.000Z: give/],
  ['"deliverAt":"1969-12-31T23:59:59Z"', 'INVALID_TIME', /earlier than/, { limit: '1970-01-01T00:00:00.000Z' }],
  ['"deliverAt":"-5"', 'INVALID_TIME', /^deliverAt is "-5", earlier than/],
  ['"deliverAt":1e15', 'INVALID_TIME', /^deliverAt is 1000000000000000, later than the limit of 9999-12-31T23/],
  ['"deliverAt":"99999999999999999999"', 'INVALID_TIME', /later than/, { limit: '9999-12-31T23:59:59.999Z' }],
  ['"deliverAt":1e300', 'INVALID_TIME', /^deliverAt is 1e\+300, later than/],
  ['"key":5', 'INVALID_FIELD', /^key is 5; it must be text\.$/],
  ['"key":null', 'INVALID_FIELD', /^key is null; it must be text\.$/],
  ['"partition":"0"', 'INVALID_FIELD', /^partition is "0"; it must be a whole number from 0\.$/],
  ['"headers":null', 'INVALID_FIELD', /^headers is null; it must be an object of texts\.$/],
  ['"headers":{"a":1}', 'INVALID_FIELD', /^headers\.a is 1; it must be text\.$/],
  [`"id":${'9'.repeat(500)}`, 'INVALID_FIELD', /^id is 9{64}; it must be text\.$/],
  ['"valueBase64":5', 'INVALID_FIELD', /^valueBase64 is 5; it must be text\.$/],
]

t.test('what is refused is shown as it was given, with what would be right', async (t) => {
  const { call } = await startService(t)
  for (const [fields, code, detail, more = {}] of ROWS) {
    const value = fields.startsWith('"value') ? '' : '"value":1,'
    const { status, json } = await call('POST', '/v1/topics/orders/messages', `{${value}${fields}}`)
    t.match({ status, ...json }, { status: 400, code, detail, ...more }, fields.slice(0, 60))
  }
  t.equal((await call('GET', '/v1/topics/orders')).status, 404, 'nothing was published')
})
