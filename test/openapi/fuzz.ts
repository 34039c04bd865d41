// Asks a real server what its document allows, and what it forbids, by the thousand: schemathesis, a program in Python, makes the
// requests out of the document and holds every answer against it. No answer may be a 5xx or anything that the document lacks.
//
//   pip install schemathesis==4.32.5      (in an environment of its own; SCHEMATHESIS names the program if it is not in the path)
//   node test/openapi/fuzz.ts [--seconds 120] [--seed 1]
//
// Three services, one after the other: open to all; with tokens, asked by one who may do everything; with tokens, asked by a
// stranger. Each run ends after so many seconds, and a little more for the request under way.

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { RIGHTS } from '../../service/access/rights.ts'
import { DwellProcess } from '../support/dwell-process.ts'
import { holder, writeTokens } from '../support/token-holders.ts'

const SCHEMATHESIS = process.env.SCHEMATHESIS ?? 'schemathesis'
/** A schema cannot say that a time is less than a year away, or that offset comes with partition: such is refused with 400. */
const CHECKS_LEFT_OUT = 'positive_data_acceptance'
const REQUEST_TIMEOUT_SECONDS = 30

interface Run {
  name: string
  /** Whether the service asks for tokens, and whether it is shown one. */
  tokens: boolean
  shown: boolean
}

const RUNS: readonly Run[] = [
  { name: 'open to all', tokens: false, shown: false },
  { name: 'with a token', tokens: true, shown: true },
  { name: 'without its token', tokens: true, shown: false },
]

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '120' }, seed: { type: 'string', default: '1' } },
})

let failed = 0
for (const run of RUNS) {
  const { status, cases, log } = await fuzz(run)
  if (status !== 0) {
    failed++
    console.log(log)
  }
  console.log(`${status === 0 ? 'ok' : 'FAILED'}: ${run.name}: ${cases} (seed ${values.seed}, ${values.seconds} s)`)
}
process.exitCode = failed === 0 ? 0 : 1

async function fuzz({ tokens, shown }: Run): Promise<{ status: number; cases: string; log: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'dwell-fuzz-'))
  const all = holder('all', RIGHTS)
  mkdirSync(join(folder, 'data'))
  const dwell = await DwellProcess.start({
    dataDirectory: join(folder, 'data'),
    logPath: join(folder, 'log'),
    settings: {
      DWELL_LOG_LEVEL: 'warn',
      DWELL_PUSH_ALLOWED_HOSTS: 'hooks.example.com',
      ...(tokens && { DWELL_TOKENS_FILE: writeTokens(folder, [all]) }),
    },
  })
  try {
    const log = await schemathesis(dwell.port, folder, shown ? ['--header', `Authorization: Bearer ${all.token}`] : [])
    const [, cases = 'no cases'] = /Test cases:\s*\n\s*(.+)/.exec(log.text) ?? []
    return { status: log.status, cases, log: `${log.text}\n${readFileSync(join(folder, 'log'), 'utf8')}` }
  } finally {
    await dwell.stop()
    rmSync(folder, { recursive: true })
  }
}

function schemathesis(port: number, folder: string, more: string[]): Promise<{ status: number; text: string }> {
  const asked = [
    ['run', `http://127.0.0.1:${port}/openapi.json`],
    ['--max-time', values.seconds],
    ['--seed', values.seed],
    ['--exclude-checks', CHECKS_LEFT_OUT],
    ['--request-timeout', String(REQUEST_TIMEOUT_SECONDS)],
    ['--generation-database', 'none', '--continue-on-failure', '--no-color'],
    more,
  ].flat()
  const environment = { SCHEMATHESIS_HOOKS: 'schemathesis_hooks', PYTHONPATH: import.meta.dirname }
  const child = spawn(SCHEMATHESIS, asked, { cwd: folder, env: { ...process.env, ...environment } })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (text += part))
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (status) => resolve({ status: status ?? 1, text }))
  })
}
