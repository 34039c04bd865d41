// What an endpoint is sent: rows A14 and A15 of test/faults/README.md.

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import t from 'tap'
import type { Delivery } from '../../../service/delivery/index.ts'
import { type PushRequest, pushRequest, type Sender } from '../../../service/push/push-request.ts'
import { keyOf, sign } from '../../../service/push/signature.ts'
import { encodeRecordBody, type Header } from '../../../storage/index.ts'

const SENDER: Sender = { group: 'billing', clusterId: 'cluster-1', headers: {}, keys: [] }
const NOW_MS = Date.UTC(2026, 10, 20, 10, 0, 0, 999)

function deliveryOf(
  key: Buffer | null,
  value: Buffer | null,
  headers: Header[] = [],
  more: Partial<Delivery> = {},
): Delivery {
  return {
    receipt: 'r',
    topic: 'orders.eu',
    partition: 3,
    offset: 12,
    timestampMs: NOW_MS - 5,
    body: encodeRecordBody(key, value, headers),
    deliveryCount: 2,
    lockedUntilMs: 0,
    attempts: [],
    ...more,
  }
}

function fieldsOf({ headers }: PushRequest): Record<string, string> {
  return Object.fromEntries(Array.from({ length: headers.length / 2 }, (_, i) => [headers[2 * i], headers[2 * i + 1]]))
}

const fields = (headers: Header[], key: Buffer | null = null) => {
  return fieldsOf(pushRequest(deliveryOf(key, Buffer.from('v'), headers), SENDER, NOW_MS))
}

t.test('what is sent with a record', async (t) => {
  const keys = [createSecretKey(Buffer.alloc(24, 1))]
  const value = Buffer.from([0xff, 0x00, 0x0a])
  const headers: Header[] = [
    ['trace', Buffer.from('abc')],
    ['__dwell.form', Buffer.from('base64')],
    ['__dwell.id', Buffer.from('order-17')],
    ['__dwell.attempts', Buffer.from('[]')],
  ]
  const request = pushRequest(
    deliveryOf(Buffer.from('k'), value, headers),
    { ...SENDER, keys, headers: { 'X-A': 'b' } },
    NOW_MS,
  )
  const { 'webhook-id': id, 'webhook-signature': signature, ...rest } = fieldsOf(request)
  t.strictSame(rest, {
    'user-agent': 'Dwell',
    'X-A': 'b',
    'content-type': 'application/octet-stream',
    'webhook-timestamp': String(Math.floor(NOW_MS / 1000)),
    'dwell-topic': 'orders.eu',
    'dwell-group': 'billing',
    'dwell-partition': '3',
    'dwell-offset': '12',
    'dwell-timestamp': '2026-11-20T10:00:00.994Z',
    'dwell-delivery-count': '2',
    'dwell-key': 'k',
    'dwell-header-trace': 'abc',
    'dwell-id': 'order-17',
  })
  t.same(request.body, value)
  const signed = Buffer.concat([Buffer.from(`${id}.${Math.floor(NOW_MS / 1000)}.`), value])
  t.equal(signature, `v1,${createHmac('sha256', keys[0]).update(signed).digest('base64')}`)
})

t.test('A15: the id stays the same over all tries of a record, and is that of no other', async (t) => {
  const idOf = (more: Partial<Delivery>, sender: Partial<Sender> = {}) => {
    const delivery = deliveryOf(null, null, [], more)
    return fieldsOf(pushRequest(delivery, { ...SENDER, ...sender }, NOW_MS))['webhook-id']
  }
  const id = idOf({})
  t.match(id, /^msg_[A-Za-z0-9_-]{27}$/)
  t.equal(idOf({ deliveryCount: 9, receipt: 'other' }), id)
  const others = [
    idOf({ topic: 'orders' }),
    idOf({ partition: 4 }),
    idOf({ offset: 13 }),
    idOf({ timestampMs: 1 }),
    idOf({}, { group: 'b' }),
    idOf({}, { clusterId: 'cluster-2' }),
  ]
  t.equal(new Set([id, ...others]).size, 7)
})

t.test('A15: the signature of the specification', async (t) => {
  const key = keyOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') as KeyObject
  const body = Buffer.from('{"test": 2432232314}')
  t.equal(
    sign([key], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, body),
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  )
  t.match(sign([key, key], 'a', 1, body), /^v1,(\S+) v1,\1$/)
  const wrong = [
    '',
    'whsec_',
    'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    'whsec_####',
    'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS',
  ]
  for (const secret of wrong) t.equal(keyOf(secret), undefined, secret)
})

t.test('content types', async (t) => {
  const typeOf = (headers: Header[]) => fields(headers)['content-type']
  const header = (value: string, name = 'content-type'): Header => [name, Buffer.from(value)]
  t.equal(typeOf([]), 'text/plain; charset=utf-8')
  t.equal(typeOf([header('json', '__dwell.form')]), 'application/json')
  t.equal(typeOf([header('text/xml; charset="x"'), header('json', '__dwell.form')]), 'text/xml; charset="x"')
  t.equal(typeOf([header('text/csv', 'Content-Type')]), 'text/csv')
  for (const wrong of ['text', 'text/xml\r\nHost: a', 'text/xml; ü', `text/${'x'.repeat(200)}`, '']) {
    t.equal(typeOf([header(wrong)]), 'text/plain; charset=utf-8', wrong)
  }
})

t.test('A14: no header of a message sets one of ours, of the connection, or breaks a line', async (t) => {
  const evil = ['Host', 'Authorization', 'Content-Length', 'Transfer-Encoding', 'webhook-signature', 'Dwell-Topic']
  const names = fields(evil.map((name) => [name, Buffer.from('evil')]))
  for (const name of evil) {
    t.equal(names[name] ?? names[name.toLowerCase()] ?? '', name === 'Dwell-Topic' ? 'orders.eu' : '')
    t.equal(names[`dwell-header-${name}`], 'evil')
  }
  const lines = fields([
    ['a', Buffer.from('1\r\nHost: evil')],
    ['b\r\nHost', Buffer.from('evil')],
    ['b: c', Buffer.from('evil')],
    ['ü', Buffer.from('evil')],
    ['c', Buffer.from([0xff])],
    ['d', Buffer.from(' padded')],
    ['e', Buffer.from('nul\0')],
    ['f', null],
    ['g', Buffer.from('grüße')],
  ])
  t.equal(lines['dwell-headers-left-out'], '7')
  t.equal(lines['dwell-header-f'], '')
  t.equal(Buffer.from(lines['dwell-header-g'], 'latin1').toString(), 'grüße')
  t.notMatch(JSON.stringify(lines), /evil|\\r|\\n/)
})

t.test('keys that a header cannot carry', async (t) => {
  const keyed = (key: Buffer) => {
    const { 'dwell-key': text, 'dwell-key-base64': base64 } = fields([], key)
    return [text, base64]
  }
  t.same(keyed(Buffer.from('a b')), ['a b', undefined])
  t.same(keyed(Buffer.alloc(0)), ['', undefined])
  t.same(keyed(Buffer.from('a\nb')), [undefined, Buffer.from('a\nb').toString('base64')])
  t.same(keyed(Buffer.from([0xff])), [undefined, '/w=='])
  t.same(keyed(Buffer.alloc(1_025, 'k')), [undefined, undefined], 'too long')
})

t.test('A14: headers of a message are bounded', async (t) => {
  const many: Header[] = Array.from({ length: 256 }, (_, i) => [`h${i}`, Buffer.alloc(100, 'x')])
  const { headers } = pushRequest(deliveryOf(null, null, many), SENDER, NOW_MS)
  t.ok(headers.join('').length < 6_000)
  const sent = headers.filter((name) => name.startsWith('dwell-header-')).length
  t.equal(sent + Number(headers[headers.indexOf('dwell-headers-left-out') + 1]), 256)
})

t.test('a header that is too large leaves out none but itself', async (t) => {
  const said = fields([
    ['large', Buffer.alloc(5_000, 'x')],
    ['small', Buffer.from('there')],
  ])
  t.match(said, { 'dwell-header-small': 'there', 'dwell-headers-left-out': '1' })
  t.notOk('dwell-header-large' in said)
})

t.test('a record without a value has an empty body; a damaged one is told', async (t) => {
  t.equal(pushRequest(deliveryOf(null, null), SENDER, NOW_MS).body.length, 0)
  const damaged = { body: Buffer.from([0x80]) }
  t.throws(() => pushRequest(deliveryOf(null, null, [], damaged), SENDER, NOW_MS), { code: 'RECORD_DAMAGED' })
})
