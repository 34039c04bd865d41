// What the guides say of the client and of the command line works as it stands: the program in a folder of its own, into which the
// package is linked, the commands in a shell.

import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { shell } from '../support/dwell-command.ts'
import { DwellProcess } from '../support/dwell-process.ts'
import { codeBlocks, ROOT } from './page.ts'

t.setTimeout(110_000)

/** A service with a folder of its own. */
async function startIn(t: Test): Promise<{ folder: string; server: DwellProcess }> {
  const folder = mkdtempSync(join(tmpdir(), 'dwell-readme-'))
  const server = await DwellProcess.start({ dataDirectory: join(folder, 'data'), logPath: join(folder, 'log') })
  t.teardown(async () => {
    await server.kill()
    rmSync(folder, { recursive: true })
  })
  return { folder, server }
}

function blockOf(path: string, language: string, port: number): string {
  return codeBlocks(path, language)[0].replaceAll('127.0.0.1:7200', `127.0.0.1:${port}`)
}

t.test('the program of the client', async (t) => {
  const { folder, server } = await startIn(t)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/dwell'))
  writeFileSync(join(folder, 'client.mjs'), blockOf('docs/client.md', 'js', server.port))
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--conditions=dwell-source', 'client.mjs'], {
    cwd: folder,
  })
  t.equal(stderr, '')
  t.same(stdout.trim().split('\n'), ['order-18 pending', '500 published', `{ order: 14 } unknown customer`])
})

t.test('the commands', async (t) => {
  const { folder, server } = await startIn(t)
  const environment = { DWELL_URL: `http://127.0.0.1:${server.port}`, DWELL_DATA_DIR: join(folder, 'data') }
  for (const line of blockOf('docs/command-line.md', 'sh', server.port).trim().split('\n')) {
    const { code, out, error } = await shell(line, { environment, cwd: folder })
    t.equal(code, 0, `${line}\n${out}${error}`)
  }
})
