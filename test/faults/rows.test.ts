// The table of faults is whole, and what it points at is there.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROWS } from './rows.ts'

const ROOT = join(import.meta.dirname, '../..')
const PROCESS_ROWS = 12
const DISK_ROWS = 21
const CLOCK_ROWS = 7
const PUSH_ROWS = ['N4', 'A8', 'A9', 'A10', 'A11', 'A12', 'A13', 'A14', 'A15']
const ACCESS_ROWS = [
  ...Array.from({ length: 7 }, (_, i) => `A${i + 1}`),
  ...Array.from({ length: 17 }, (_, i) => `A${i + 16}`),
]

t.test(
  'every fault of process, disk, clock and endpoint, and every attack, has a row, and every row a test',
  async (t) => {
    const expected = [
      ...Array.from({ length: PROCESS_ROWS }, (_, i) => `P${i + 1}`),
      ...Array.from({ length: DISK_ROWS }, (_, i) => `D${i + 1}`),
      ...Array.from({ length: CLOCK_ROWS }, (_, i) => `C${i + 1}`),
      ...PUSH_ROWS,
      ...ACCESS_ROWS,
    ]
    t.strictSame(Object.keys(ROWS), expected)
    for (const [name, { tests }] of Object.entries(ROWS)) {
      t.ok(tests.length > 0, `${name} is tested`)
      for (const path of tests) t.ok(existsSync(join(ROOT, path)), `${name}: ${path}`)
    }
  },
)

t.test('a test of this folder, of a fault of endpoints and of an attack names its rows', async (t) => {
  for (const [name, { tests }] of Object.entries(ROWS)) {
    const named = (test: string) => test.startsWith('test/faults/') || [...PUSH_ROWS, ...ACCESS_ROWS].includes(name)
    for (const path of tests.filter(named)) {
      t.match(readFileSync(join(ROOT, path), 'utf8'), new RegExp(`\\b${name}\\b`), `${path} names ${name}`)
    }
  }
})
