// A message from its publisher's JSON to a consumer's JSON, without a server between. test/faults/README.md rows I1, I4, A21.

import fc from 'fast-check'
import t from 'tap'
import { bodyMembers } from '../../../service/http/record-json.ts'
import { bodyOf, type MessageRules } from '../../../service/publish/message.ts'
import { readLines, readOneOrMore } from '../../../service/publish/message-batch.ts'
import { readRawMessage } from '../../../service/publish/raw-message.ts'
import { DwellError, decodeRecordBody, encodeRecordBody } from '../../../storage/index.ts'
import { written } from '../../support/written.ts'

const NOW_MS = Date.UTC(2026, 10, 20)
const DAY_MS = 86_400_000
const RULES: MessageRules = { messageBytesMax: 100_000, delayMaxMs: 10 * DAY_MS, nowMs: NOW_MS }

const headers = fc.dictionary(
  fc
    .string({ minLength: 1, maxLength: 20, unit: 'binary' })
    .filter((name) => !name.startsWith('__') && name.isWellFormed()),
  fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
  { maxKeys: 5, noNullPrototype: true },
)
const text = fc.string({ unit: 'binary', maxLength: 300 }).filter((text) => text.isWellFormed())

t.test('what comes out is what went in, for any value, key and headers', async () => {
  const given = fc.record({ value: fc.jsonValue(), key: fc.option(text, { nil: undefined }), headers })
  fc.assert(
    fc.property(given, (message) => {
      if (!JSON.stringify(message).isWellFormed() || /\\ud[89a-f]/i.test(JSON.stringify(message))) return true
      const [read] = readOneOrMore(Buffer.from(JSON.stringify(message)), RULES, 1)
      const members = JSON.parse(`{${bodyMembers(written(bodyOf(read, Buffer.from('an id'))))}}`)
      const expected = { key: null, ...JSON.parse(JSON.stringify(message)), id: 'an id' }
      return JSON.stringify(sorted(members)) === JSON.stringify(sorted(expected))
    }),
    { numRuns: 2_000 },
  )
})

t.test('any bytes are messages, or an error with a code', async () => {
  const pieces = [
    '{',
    '}',
    '"value"',
    ':',
    ',',
    '1',
    '"x"',
    '\n',
    '"delay"',
    '"5s"',
    '[',
    ']',
    '"messages"',
    'null',
    '\\',
    '"',
    '-',
    '\u0000',
  ]
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => Buffer.from(parts.join(''))),
  )
  fc.assert(
    fc.property(any, (bytes) => {
      for (const read of [readOneOrMore, readLines]) {
        try {
          if (read(bytes, RULES, 10).length === 0) return false
        } catch (error) {
          if (!(error instanceof DwellError)) return false
        }
      }
      return readRawMessage(bytes, { 'content-type': 'application/json' }, NO_QUERY, RULES).value === bytes
    }),
    { numRuns: 10_000 },
  )
})

const NO_QUERY = { key: undefined, delay: undefined, deliverAt: undefined, id: undefined }

t.test('when a message is due', async (t) => {
  const due = (fields: object) =>
    readOneOrMore(Buffer.from(JSON.stringify({ value: 1, ...fields })), RULES, 1)[0].dueAtMs
  t.equal(due({}), 0)
  t.equal(due({ delay: '1ms' }), NOW_MS + 1)
  t.equal(due({ delay: 0.1 }), NOW_MS + 1, 'parts of a millisecond are never early')
  t.equal(due({ delay: '10d' }), NOW_MS + 10 * DAY_MS, 'the limit itself is allowed')
  t.throws(() => due({ delay: 10 * DAY_MS + 1 }), {
    code: 'DELAY_TOO_LONG',
    fields: { limit: '10d', limitMs: 10 * DAY_MS },
  })
  t.equal(due({ deliverAt: NOW_MS }), 0)
  t.equal(due({ deliverAt: NOW_MS + 1 }), NOW_MS + 1)
  t.equal(due({ deliverAt: NOW_MS + 10 * DAY_MS }), NOW_MS + 10 * DAY_MS)
  t.throws(() => due({ deliverAt: NOW_MS + 10 * DAY_MS + 1 }), { code: 'DELAY_TOO_LONG' })
  t.equal(due({ deliverAt: '2026-11-20T00:00:00.0001Z' }), NOW_MS + 1)
})

t.test('names of headers that are ours are refused from publishers and kept from consumers', async (t) => {
  for (const name of ['__dwell.id', '__dwell.form', '__dwell.origin.topic', '__dlq.errors.cause', '__']) {
    const body = Buffer.from(JSON.stringify({ value: 1, headers: { [name]: 'x' } }))
    t.throws(() => readOneOrMore(body, RULES, 1), { code: 'INVALID_FIELD', fields: { header: name } }, name)
  }
  const stored = encodeRecordBody(null, Buffer.from('x'), [
    ['__dwell.attempts', Buffer.from('[]')],
    ['mine', Buffer.from('y')],
  ])
  t.strictSame(JSON.parse(`{${bodyMembers(stored)}}`), { key: null, value: 'x', headers: { mine: 'y' } })
})

t.test('what other clients put into the log is shown as far as JSON can', async (t) => {
  const bytes = Buffer.from([0xff, 0x00])
  const shown = (key: Buffer | null, value: Buffer | null, headers: [string, Buffer | null][] = []) =>
    JSON.parse(`{${bodyMembers(encodeRecordBody(key, value, headers))}}`)
  t.strictSame(shown(bytes, bytes), { keyBase64: '/wA=', valueBase64: '/wA=', headers: {} })
  t.strictSame(shown(null, null, [['none', null]]), { key: null, value: null, headers: { none: null } })
})

t.test('a batch is bounded, and may have empty lines', async (t) => {
  const lines = Buffer.from('\n{"value":1}\r\n\r\n{"value":2}\n')
  t.equal(readLines(lines, RULES, 2).length, 2)
  t.throws(() => readLines(lines, RULES, 1), { code: 'TOO_MANY_MESSAGES', fields: { limit: 1 } })
  const array = Buffer.from('{"messages":[{"value":1},{"value":2}]}')
  t.equal(readOneOrMore(array, RULES, 2).length, 2)
  t.throws(() => readOneOrMore(array, RULES, 1), { code: 'TOO_MANY_MESSAGES', fields: { limit: 1 } })
})

t.test('a message has at most 256 headers', async (t) => {
  const headers = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`h${i}`, '']))
  const read = (count: number) =>
    readOneOrMore(Buffer.from(JSON.stringify({ value: 1, headers: headers(count) })), RULES, 1)
  t.equal(
    decodeRecordBody(written(bodyOf(read(256)[0], undefined))).headers.length,
    257,
    'and one that says it is JSON',
  )
  t.throws(() => read(257), { code: 'INVALID_FIELD', fields: { limit: 256 } })
})

function sorted(value: Record<string, unknown>): unknown {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
