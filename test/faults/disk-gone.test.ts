// A disk that is taken away from under the real process. test/faults/README.md rows D9, D21.

import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { mountExt4, withoutExt4 } from './machine.ts'
import { Subject } from './subject.ts'

const NOBODY = 65_534
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
const MAIN = join(import.meta.dirname, '../../service/main.ts')

/** Why the service cannot be run as somebody else; undefined when it can. */
function withoutNobody(): string | undefined {
  try {
    const [command, ...args] = [...AS_NOBODY, process.execPath, MAIN, '--help']
    execFileSync(command, args, { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `nobody cannot run the service here: ${(error as Error).message.split('\n')[0]}`
  }
}

/** Publishes until no answer comes. */
async function publishUntilItEnds(subject: Subject): Promise<void> {
  try {
    for (;;) await subject.publish('now', 2, 500)
  } catch {}
}

t.test(
  'D9: a file system that turns read-only stops the process, and what was acknowledged is there afterwards',
  { skip: withoutExt4() },
  async (t) => {
    const mount = mountExt4(64)
    const subject = new Subject(t, { mount, settings: { DWELL_DISK_LOW_BYTES: '1MiB' } })
    await subject.start()
    for (let i = 0; i < 20; i++) await subject.publish('now', 5, 500)
    const published = publishUntilItEnds(subject)
    // As the kernel itself does after an error of the device.
    execFileSync('mount', ['-o', 'remount,abort', mount.path], { stdio: 'pipe' })
    const last = await subject.lastLine()
    t.match(last.msg, /read-only file system|i\/o error/i)
    t.match(last.msg, mount.path, 'it names the file')
    await published
    mount.again()
    await subject.start()
    await subject.checkTopic('now')
  },
)

t.test('D21: permissions that were taken away stop the process by name', { skip: withoutNobody() }, async (t) => {
  // Without tap's own hooks: they write where only the owner may.
  const subject = new Subject(t, { under: [...AS_NOBODY, 'env', '-u', 'NODE_OPTIONS'] })
  mkdirSync(subject.dataDirectory)
  chownSync(subject.dataDirectory, NOBODY, NOBODY)
  await subject.start()
  t.equal((await subject.publish('now', 5, 500)).status, 201)
  chmodSync(subject.dataDirectory, 0)
  const last = await subject.lastLine()
  t.match(last.msg, /permission denied/i)
  t.match(last.msg, subject.dataDirectory)
  await t.rejects(
    subject.start(),
    { message: /DATA_DIRECTORY_UNUSABLE|permission denied/i },
    'and no start goes on without',
  )
  chmodSync(subject.dataDirectory, 0o750)
  await subject.start()
  await subject.checkTopic('now')
})

t.test('D21: a directory that is removed, or replaced, stops the process', async (t) => {
  const takeAway: [how: string, (directory: string) => void][] = [
    ['removed', (directory) => rmSync(directory, { recursive: true, force: true, maxRetries: 50, retryDelay: 10 })],
    ['moved away', (directory) => renameSync(directory, `${directory}-moved`)],
    [
      'replaced by an empty one',
      (directory) => {
        renameSync(directory, `${directory}-old`)
        mkdirSync(directory)
      },
    ],
  ]
  for (const [how, away] of takeAway) {
    await t.test(how, async (t) => {
      const subject = new Subject(t)
      await subject.start()
      await subject.publish('now', 5, 500)
      away(subject.dataDirectory)
      const last = await subject.lastLine()
      t.match(last.msg, subject.dataDirectory)
      if (how !== 'moved away') return
      // What the process may have made anew before it noticed.
      rmSync(subject.dataDirectory, { recursive: true, force: true })
      renameSync(`${subject.dataDirectory}-moved`, subject.dataDirectory)
      await subject.start()
      await subject.checkTopic('now')
    })
  }
})

t.test('a folder in which nothing can be written stops the start by name', async (t) => {
  const subject = new Subject(t, { dataDirectory: '/proc/dwell' })
  await t.rejects(subject.start(), { message: /\/proc\/dwell/ })
})
