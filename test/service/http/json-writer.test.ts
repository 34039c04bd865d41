// Answers that are written as bytes: JSON.stringify() is the judge of what a string looks like.

import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import fc from 'fast-check'
import t from 'tap'
import { JsonWriter } from '../../../service/http/json-writer.ts'

const answerOf = () => new EventEmitter() as unknown as ServerResponse

t.test('any text comes back as it was, wherever it lies in memory', (t) => {
  const json = new JsonWriter()
  const escaped = fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\u001f', 'a', 'ü') })
  const texts = fc.array(
    fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), escaped, fc.constant('x'.repeat(5_000))),
  )
  fc.assert(
    fc.property(texts, fc.nat(7), (given, shift) => {
      json.begin()
      json.text('[')
      for (const [i, text] of given.entries()) {
        if (i > 0) json.raw(Buffer.from(','))
        const bytes = Buffer.from(text.toWellFormed())
        json.string(Buffer.concat([Buffer.alloc(shift), bytes]).subarray(shift))
      }
      json.text(']')
      const written = String(json.finish(answerOf()))
      return written === JSON.stringify(given.map((text) => text.toWellFormed()))
    }),
  )
  t.end()
})

t.test('a large answer keeps its bytes until it is out; then they are used again', (t) => {
  const json = new JsonWriter()
  const write = (letter: string, answer: ServerResponse) => {
    json.begin()
    json.text(letter.repeat(20_000))
    return json.finish(answer) as Buffer
  }
  const first = answerOf()
  const a = write('a', first)
  const b = write('b', answerOf())
  t.equal(String(a), 'a'.repeat(20_000))
  t.equal(String(b), 'b'.repeat(20_000))
  first.emit('close')
  t.equal(write('c', answerOf()).buffer, a.buffer)
  t.end()
})

t.test('what was not finished is forgotten', (t) => {
  const json = new JsonWriter()
  for (const text of ['half', 'x'.repeat(20_000)]) {
    json.begin()
    json.text(text)
  }
  json.begin()
  json.text('{}')
  t.equal(json.finish(answerOf()), '{}')
  t.end()
})
