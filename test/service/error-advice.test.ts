// What the pages of error codes say, against the table of errors, both ways; and that each says something of its own.

import t from 'tap'
import { environmentName } from '../../service/config.ts'
import { ADVICE, SECTIONS } from '../../service/error-advice/index.ts'
import { ERRORS, isErrorCode } from '../../service/errors.ts'
import { SETTINGS } from '../../service/settings.ts'

const CODES = Object.keys(ERRORS)
const SENTENCE = /^[A-Z`].*[.:?]$/s

t.test('every code has advice, in one section, and there is none for a code that is not', async (t) => {
  t.same(Object.keys(ADVICE).sort(), [...CODES].sort())
  const inSections = SECTIONS.flatMap(({ advice }) => Object.keys(advice))
  t.same(inSections.sort(), [...CODES].sort(), 'each once')
})

t.test('advice is whole sentences: what it means, why, what to do', async (t) => {
  for (const [code, { means, because, todo, example }] of Object.entries(ADVICE)) {
    t.ok(because.length > 0 && todo.length > 0, code)
    for (const text of [means, ...because, ...todo]) {
      t.match(text, SENTENCE, `${code}: ${text}`)
      t.equal(text.split('`').length % 2, 1, `${code}: code ends where it begins: ${text}`)
    }
    t.match(example.detail, /.{10}/, code)
    t.notOk(
      ['type', 'title', 'status', 'code'].some((name) => name in example),
      `${code}: those come out of the table`,
    )
  }
})

t.test('no two codes say the same, but for what is done about damage', async (t) => {
  const said = new Map<string, string>()
  for (const [code, { means, because, todo, example }] of Object.entries(ADVICE)) {
    for (const text of [means, because[0], example.detail]) {
      t.notOk(said.has(text), `${code} says what ${said.get(text)} says: ${text}`)
      said.set(text, code)
    }
    if (todo.some((text) => text.includes('dwell verify'))) continue
    t.notOk(said.has(todo[0]), `${code} advises what ${said.get(todo[0])} does: ${todo[0]}`)
    said.set(todo[0], code)
  }
})

t.test('codes and settings that advice names exist', async (t) => {
  const settings = new Set([...Object.keys(SETTINGS).map(environmentName), 'DWELL_TOKEN'])
  for (const [code, advice] of Object.entries(ADVICE)) {
    for (const text of [advice.means, ...advice.because, ...advice.todo]) {
      for (const [, word] of text.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)) {
        t.ok(settings.has(word) || isErrorCode(word), `${code}: ${word}`)
      }
    }
  }
})
