// Prints every attack (test/faults/README.md rows A1 to A32): what is tried, what is promised, what happened when attacks.test.ts played it just
// now against a real process, and which tests hold it.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROWS } from './rows.ts'

const PLAY = join(import.meta.dirname, 'attacks.test.ts')
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024

/** What was said of each row that was played, and of all of them together. */
async function played(): Promise<{ byRow: Map<string, string[]>; isWell: boolean; summary: string }> {
  const options = { maxBuffer: OUTPUT_BYTES_MAX, env: { ...process.env, TAP: '1', TAP_TIMEOUT: '180' } }
  const run = promisify(execFile)(process.execPath, [PLAY], options)
  const { stdout, isWell } = await run.then(
    ({ stdout }) => ({ stdout, isWell: true }),
    (error: { stdout: string }) => ({ stdout: error.stdout, isWell: false }),
  )
  const byRow = new Map<string, string[]>()
  for (const [, not, row, said] of stdout.matchAll(/^ +(not )?ok \d+ - (A\d+): (.*)$/gm)) {
    if (said.endsWith(' is counted')) continue
    byRow.set(row, [...(byRow.get(row) ?? []), not === undefined ? said : `NOT AS EXPECTED: ${said}`])
  }
  return { byRow, isWell, summary: /# (memory grew .*)$/m.exec(stdout)?.[1] ?? '' }
}

const { byRow, isWell, summary } = await played()
for (const [row, { fault, promise, tests, how }] of Object.entries(ROWS)) {
  if (!row.startsWith('A')) continue
  const lines = [`${row}  ${fault}`, `  promise: ${promise}`]
  for (const said of byRow.get(row) ?? []) lines.push(`  happened: ${said}`)
  lines.push(`  tests: ${tests.join(', ')}`)
  if (how !== undefined) lines.push(`  but: ${how}`)
  console.log(lines.join('\n'))
}
console.log(`\n${isWell ? 'All as expected' : 'NOT ALL AS EXPECTED'}: ${byRow.size} rows played; ${summary}`)
process.exitCode = isWell ? 0 : 1
