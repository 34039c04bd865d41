// The table of errors against the source, both ways.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ERRORS, errorRow } from '../../service/errors.ts'

const ROOT = join(import.meta.dirname, '../..')
const CODE = /'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)'/g

function sources(): { path: string; text: string }[] {
  return ['service', 'storage', 'timewheel']
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    )
    .filter((path) => path.endsWith('.ts') && path !== 'service/errors.ts')
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

t.test('every code that the source makes an error of stands in the table', async (t) => {
  const made = /new DwellError\(\s*'([A-Z0-9_]+)'/g
  for (const { path, text } of sources()) {
    for (const [, code] of text.matchAll(made)) t.ok(Object.hasOwn(ERRORS, code), `${code} of ${path}`)
  }
})

t.test('every code in the table is used', async (t) => {
  const used = new Set(sources().flatMap(({ text }) => [...text.matchAll(CODE)].map(([, code]) => code)))
  for (const code of Object.keys(ERRORS)) t.ok(used.has(code), code)
})

t.test('rows say what HTTP needs', async (t) => {
  for (const [code, { status, title }] of Object.entries(ERRORS)) {
    t.ok(status >= 400 && status < 600, `${code} has a status`)
    t.match(title, /^[A-Z][^.]*[^.]$/, `${code} has a title without a full stop`)
  }
  t.equal(errorRow('NO_SUCH_CODE'), ERRORS.INTERNAL, 'an unknown code is our own fault')
  t.equal(errorRow('toString'), ERRORS.INTERNAL)
})
