// The table of faults is whole, README.md shows it, and what it points at is there.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { NUMBERS } from '../checker/findings.ts'
import { FAULTS_PAGE, renewedFaultsPage } from './faults-page.ts'
import { ROWS } from './rows.ts'

const ROOT = join(import.meta.dirname, '../..')
const PROCESS_ROWS = 12
const DISK_ROWS = 21
const CLOCK_ROWS = 7
const INPUT_ROWS = ['N1', 'N2', 'N3', 'N5', 'N6', 'I1', 'I2', 'I3', 'I4', 'R1', 'R2']
const PUSH_ROWS = ['N4', 'A8', 'A9', 'A10', 'A11', 'A12', 'A13', 'A14', 'A15']
const ACCESS_ROWS = [
  ...Array.from({ length: 7 }, (_, i) => `A${i + 1}`),
  ...Array.from({ length: 17 }, (_, i) => `A${i + 16}`),
]

t.test('every fault and every attack has a row, and every row a test or a word why not', async (t) => {
  const expected = [
    ...Array.from({ length: PROCESS_ROWS }, (_, i) => `P${i + 1}`),
    ...Array.from({ length: DISK_ROWS }, (_, i) => `D${i + 1}`),
    ...Array.from({ length: CLOCK_ROWS }, (_, i) => `C${i + 1}`),
    ...INPUT_ROWS,
    ...PUSH_ROWS,
    ...ACCESS_ROWS,
  ]
  t.strictSame(Object.keys(ROWS), expected)
  for (const [name, { tests, how }] of Object.entries(ROWS)) {
    t.ok(tests.length > 0 || how !== undefined, `${name} is tested`)
    for (const path of tests) t.ok(existsSync(join(ROOT, path)), `${name}: ${path}`)
  }
})

t.test('a test of this folder, of a fault of networks or endpoints, and of an attack names its rows', async (t) => {
  for (const [name, { tests }] of Object.entries(ROWS)) {
    const named = (test: string) =>
      test.startsWith('test/faults/') || [...INPUT_ROWS, ...PUSH_ROWS, ...ACCESS_ROWS].includes(name)
    for (const path of tests.filter(named)) {
      t.match(readFileSync(join(ROOT, path), 'utf8'), new RegExp(`\\b${name}\\b`), `${path} names ${name}`)
    }
  }
})

t.test('README.md shows every row, and no other', async (t) => {
  const page = readFileSync(FAULTS_PAGE, 'utf8')
  t.equal(page, renewedFaultsPage(), 'to renew it: node test/support/renew-tables.ts')
  const shown = [...page.matchAll(/^\| ([A-Z]\d+) \|/gm)].map(([, id]) => id)
  t.same(shown.sort(), Object.keys(ROWS).sort())
})

t.test('README.md shows every anomaly that the checker looks for, and no other', async (t) => {
  const lines = readFileSync(FAULTS_PAGE, 'utf8').matchAll(/^\| (\d+) \| [^|]+ \| ([^|]+) \|/gm)
  const shown = [...lines].flatMap(([, number, names]) => names.split(', ').map((name) => [name, Number(number)]))
  t.same(Object.fromEntries(shown), NUMBERS)
})
