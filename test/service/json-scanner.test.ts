// test/faults/README.md rows I1 and A21: any bytes to the JSON reader; JSON.parse is the judge of what is JSON.

import fc from 'fast-check'
import t from 'tap'
import { checkUtf8, DEPTH_MAX, JsonScanner } from '../../service/json-scanner.ts'

const scanner = new JsonScanner()

/** Whether the reader takes `text` for one JSON value, and the text of that value. */
function scan(text: string | Buffer): string | undefined {
  const bytes = Buffer.from(text as string)
  scanner.begin(bytes)
  try {
    const start = scanner.value()
    const value = bytes.toString('utf8', start, scanner.position)
    scanner.finish()
    return value
  } catch (error) {
    if ((error as { code?: string }).code !== 'INVALID_JSON') throw error
    return undefined
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

t.test('all JSON is taken, as the text that it is', async () => {
  fc.assert(
    fc.property(
      fc.json(),
      fc.constantFrom('', ' ', '\n\t', '\r'),
      (json, space) => scan(space + json + space) === json.trim(),
    ),
    { numRuns: 2_000 },
  )
})

t.test('what is damaged is taken exactly when JSON.parse takes it', async () => {
  const damage = fc.tuple(fc.json(), fc.nat(), fc.constantFrom(...'{}[]",:\\0-.eE+ntf u1\u0001\u007f ', ''))
  fc.assert(
    fc.property(damage, ([json, where, piece]) => {
      const at = where % (json.length + 1)
      const text = json.slice(0, at) + piece + json.slice(at + (where % 2))
      return (scan(text) !== undefined) === isJson(text.toWellFormed())
    }),
    { numRuns: 5_000 },
  )
})

t.test('any text is taken exactly when JSON.parse takes it', async () => {
  const text = fc.string({ unit: fc.constantFrom(...'{}[]",:\\u00-.eE+ntfalserui19 '), maxLength: 30 })
  fc.assert(
    fc.property(text, (text) => (scan(text) !== undefined) === isJson(text)),
    { numRuns: 10_000 },
  )
})

t.test('any bytes end in an error with a code or not at all', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      scan(Buffer.from(bytes))
      return true
    }),
    { numRuns: 5_000 },
  )
})

t.test('texts are what JSON.parse makes of them', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const json = JSON.stringify(text)
      scanner.begin(Buffer.from(json))
      return text.isWellFormed() ? scanner.text() === text : true
    }),
    { numRuns: 2_000 },
  )
})

t.test('the end of the text is a wall', async (t) => {
  const bytes = Buffer.from('{"a":"b"}')
  for (let end = 0; end < bytes.length; end++) {
    scanner.begin(bytes, 0, end)
    t.throws(() => scanner.value(), { code: 'INVALID_JSON' }, `cut at ${end}`)
  }
  for (const text of ['"\\u12', 'tru', '-', '1.', '1e', '"\\']) t.equal(scan(text), undefined, text)
})

t.test('depth is bounded', async (t) => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  t.equal(scan(nested(DEPTH_MAX)), nested(DEPTH_MAX))
  t.equal(scan(nested(DEPTH_MAX + 1)), undefined)
  t.equal(scan('['.repeat(1_000_000)), undefined)
})

t.test('half a surrogate pair is no text, and bytes that are no UTF-8 are told', async (t) => {
  scanner.begin(Buffer.from('"\\ud83d"'))
  t.throws(() => scanner.text(), { code: 'INVALID_UTF8' })
  scanner.begin(Buffer.from('"\\ud83d\\ude00"'))
  t.equal(scanner.text(), '😀')
  t.throws(() => checkUtf8(Buffer.from([0xc3, 0x28])), { code: 'INVALID_UTF8' })
})
