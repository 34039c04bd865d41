// npm test: every test file in a process of its own, by tap, with what its settings (.taprc) cannot say:
//
//   - Twice as many at once as there are cores: half of them wait, for processes, disks and clocks.
//   - What V8 compiles is kept for the next file: most of them load the same, and for half a second did nothing but compile.
//     Not with coverage, which is then wrong.

import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const given = process.argv.slice(2)
const env = { ...process.env }
if (!given.includes('--no-disable-coverage'))
  env.NODE_COMPILE_CACHE ??= join(ROOT, 'node_modules', '.cache', 'dwell-test')

const tap = spawn(join(ROOT, 'node_modules', '.bin', 'tap'), [`--jobs=${2 * availableParallelism()}`, ...given], {
  cwd: ROOT,
  env,
  stdio: 'inherit',
})
tap.on('exit', (code, signal) => {
  if (signal !== null) process.kill(process.pid, signal)
  process.exitCode = code ?? 1
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => tap.kill(signal))
