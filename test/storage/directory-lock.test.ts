// One process for each data directory. Real disk, real processes: the promise is about them.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { lockDirectory, SystemDisk } from '../../storage/index.ts'

const OWNER = { pid: 4711, host: 'here', startedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5) }

t.test('a second owner is refused and told who the first is', async (t) => {
  const disk = new SystemDisk()
  const directory = `${t.testdir()}/data`
  const lock = await lockDirectory(disk, directory, OWNER)
  const refusal = await lockDirectory(disk, directory, { ...OWNER, pid: 1 }).catch((error) => error)
  t.match(refusal, { code: 'DATA_DIRECTORY_LOCKED', fields: { pid: 4711, host: 'here', path: directory } })
  t.match(refusal.message, /in use by process 4711 on here, started at 2026-01-02T03:04:05.000Z/)
  await lock.release()
  const next = await lockDirectory(disk, directory, OWNER)
  await next.release()
})

t.test('the lock ends with a process that was killed', async (t) => {
  const directory = t.testdir()
  const door = new URL('../../storage/index.ts', import.meta.url).href
  const script = `
    const { lockDirectory, SystemDisk } = await import(${JSON.stringify(door)})
    await lockDirectory(new SystemDisk(), ${JSON.stringify(directory)}, { pid: process.pid, host: 'there', startedAtMs: 0 })
    console.log('locked')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  await t.rejects(lockDirectory(new SystemDisk(), directory, OWNER), {
    code: 'DATA_DIRECTORY_LOCKED',
    fields: { pid: child.pid, host: 'there' },
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = await lockDirectory(new SystemDisk(), directory, OWNER)
  await lock.release()
})

t.test('a folder that cannot be made is named, and does not keep the start busy for ever', async (t) => {
  const file = `${t.testdir({ file: '' })}/file`
  for (const path of ['/proc/nowhere/data', file, `${file}/data`]) {
    await t.rejects(lockDirectory(new SystemDisk(), path, OWNER), { code: 'DATA_DIRECTORY_UNUSABLE', fields: { path } })
    if (path !== '/proc/nowhere/data')
      await t.rejects(lockDirectory(new SystemDisk(), path, OWNER), { message: /is not a folder/ })
  }
})
