// The bytes on disk do not change unnoticed: today's code writes every format as it lies in golden/formats/, and reads what older
// code wrote. When this fails on purpose, raise the format's version, keep the old file, and add the new one:
// `node test/formats.test.ts --add` writes the files that are missing, and never changes one.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { FORMATS } from './formats.ts'

const FOLDER = join(import.meta.dirname, 'golden', 'formats')

if (process.argv.includes('--add')) {
  for (const [name, { make }] of Object.entries(FORMATS)) {
    const path = join(FOLDER, name)
    if (make !== undefined && !existsSync(path)) writeFileSync(path, await make())
  }
}

for (const [name, { make, read, holds }] of Object.entries(FORMATS)) {
  t.test(name, async (t) => {
    const golden = readFileSync(join(FOLDER, name))
    t.same(await read(Buffer.from(golden)), holds, 'is read as it was meant')
    if (make !== undefined) t.ok((await make()).equals(golden), 'is written byte for byte the same')
  })
}

t.test('no flipped bit and no cut of a checkpoint gets past its reader', async (t) => {
  const { read } = FORMATS['checkpoint.v2']
  const whole = readFileSync(join(FOLDER, 'checkpoint.v2'))
  const wrong: string[] = []
  for (let at = 0; at < whole.length; at++) {
    if ((await read(whole.subarray(0, at))) !== 'damaged') wrong.push(`cut at ${at}`)
    for (let bit = 0; bit < 8; bit++) {
      const bytes = Buffer.from(whole)
      bytes[at] ^= 1 << bit
      if ((await read(bytes)) !== 'damaged') wrong.push(`bit ${bit} of byte ${at}`)
    }
  }
  t.same(wrong, [])
})

t.test('no golden file is without a format', (t) => {
  t.same(readdirSync(FOLDER).sort(), Object.keys(FORMATS).sort())
  t.end()
})
