// What goes to a terminal: columns that can be taken apart, a progress line only where somebody looks, nothing that moves a cursor.

import { Writable } from 'node:stream'
import t from 'tap'
import { Output } from '../../../service/cli/output.ts'
import { Progress } from '../../../service/cli/remote/progress.ts'
import { quantile } from '../../../service/cli/remote/quantile.ts'
import { contentOf } from '../../../service/cli/remote/records.ts'
import { table } from '../../../service/cli/remote/table.ts'

t.test('a table', async (t) => {
  const columns = { NAME: 'name', COUNT: 'count', WHY: 'why' } as const
  const rows = [
    { name: 'a', count: 1_000, why: undefined },
    { name: 'längér', count: 5, why: 'x\n\u001b[31my' },
  ]
  t.same(table(rows, columns), ['NAME    COUNT  WHY', 'a        1000  -', 'längér      5  x y'])
  t.same(table<(typeof rows)[number]>([], columns), ['NAME  COUNT  WHY'])
})

t.test('a line says whether anybody took it', async (t) => {
  let isOpen = true
  const broken = Object.assign(new Error('EPIPE'), { code: 'EPIPE' })
  const output = new Output(new Writable({ write: (_part, _encoding, done) => done(isOpen ? null : broken) }))
  t.equal(await output.line('read'), true)
  isOpen = false
  t.equal(await output.line('not read'), false, 'that very line')
  t.equal(output.closed, true)
  t.equal(await output.line('not written'), false)
})

t.test('a progress line is for terminals', async (t) => {
  const drawn = (isTTY: boolean, columns = 80) => {
    let text = ''
    const stream = { isTTY, columns, write: (part: string) => (text += part) }
    const progress = new Progress(stream as unknown as NodeJS.WriteStream, 10)
    progress.show(5, '5 published')
    progress.show(6, 'too soon')
    progress.end()
    return text
  }
  t.equal(drawn(true), `\r\u001b[K${'█'.repeat(15)}${'░'.repeat(15)} 50 %  5 published\r\u001b[K`)
  t.equal(drawn(true, 20), `\r\u001b[K${'█'.repeat(15)}${'░'.repeat(4)}\r\u001b[K`, 'no wider than the terminal')
  t.equal(drawn(false), '')
})

t.test('a message writes nothing to a terminal but its text', async (t) => {
  t.equal(contentOf({ key: '\u0007k', value: 'a\u001b[2J\tb\u009b' }), '\\u0007k  a\\u001b[2J\tb\\u009b')
  t.equal(contentOf({ key: null, value: { a: '\u001b' } }), '-  {"a":"\\u001b"}')
  t.equal(contentOf({ key: null, value: undefined, valueBase64: '/wA=' }), '-  <ff00>')
})

t.test('quantiles', async (t) => {
  t.same([0.5, 0.99, 1].map((share) => quantile([3, 1, 2, 4], share)), [2, 4, 4]) // biome-ignore format: short
  t.ok(Number.isNaN(quantile([], 0.5)))
})
