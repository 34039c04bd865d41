// Calls of the real process that fail, by libfiu, which stands between the program and the C library. test/faults/README.md rows D5,
// D6, D10.

import t, { type Test } from 'tap'
import type { Answer } from '../support/http-client.ts'
import { failOn, fiuEnvironment, withoutFiu, workAgain } from './machine.ts'
import { Subject, until } from './subject.ts'

const EIO = 5
const skip = withoutFiu()

/** A subject that takes orders of libfiu. */
async function obedient(t: Test, settings: Record<string, string> = {}): Promise<Subject> {
  const subject = new Subject(t)
  await subject.start({ ...fiuEnvironment(subject.folder), ...settings })
  return subject
}

/** Publishes all the time, over several connections, until no answer comes; answers all that did. */
function publishAllTheTime(subject: Subject): Promise<{ answer: Answer; atMs: number }[]> {
  const answers: { answer: Answer; atMs: number }[] = []
  const client = async (topic: string, more: Record<string, unknown>) => {
    for (;;) answers.push({ answer: await subject.publish(topic, 2, 500, more), atMs: performance.now() })
  }
  const clients = Array.from({ length: 4 }, (_, i) => client(i < 2 ? 'now' : 'later', i < 2 ? {} : { delay: '1s' }))
  return Promise.allSettled(clients).then(() => answers)
}

const FAILURES: [what: string, point: string, errno: number, says: RegExp][] = [
  ['D5: a write of the journal that fails with EIO', 'posix/io/rw/pwrite', EIO, /i\/o error/i],
  ['D5: a failed fdatasync of a checkpoint', 'posix/io/sync/fdatasync', EIO, /i\/o error|input\/output error/i],
]

for (const [what, point, errno, says] of FAILURES) {
  t.test(`${what} is followed by no success, and the next start has all`, { skip }, async (t) => {
    const subject = await obedient(t)
    const answers = publishAllTheTime(subject)
    await until(() => (subject.acknowledged.get('now')?.size ?? 0) > 200, 10_000, 'load')
    await failOn(subject.folder, subject.process.pid, point, errno)
    const last = await subject.lastLine()
    const endedMs = performance.now()
    t.match(last.msg, says)
    t.match(last.msg, subject.dataDirectory, 'it names the file')
    const lastSuccessMs = Math.max(
      ...(await answers).filter(({ answer }) => answer.status === 201).map(({ atMs }) => atMs),
    )
    t.comment(`it ended ${Math.round(endedMs - lastSuccessMs)} ms after its last success`)
    const others = (await answers)
      .map(({ answer }) => answer.status)
      .filter((status) => status !== 201 && status !== 503)
    t.strictSame(others, [], 'the others were told 503, or nothing')
    const said = subject.lines().filter(({ level }) => level === 'fatal')
    t.equal(said.length, 1, 'it says it once')

    await subject.start()
    await until(async () => (await subject.metric('dwell_delayed_pending')) === 0, 10_000, 'all is dispatched')
    for (const topic of ['now', 'later']) await subject.checkTopic(topic)
  })
}

t.test(
  'D10: a segment that cannot be read answers 500 with a code, is counted, and stops nobody else',
  { skip },
  async (t) => {
    const subject = await obedient(t, { DWELL_CHECKPOINT_INTERVAL: '100ms' })
    const { client, pid } = subject.process
    await subject.publish('old', 20, 1_000)
    // A clean start has nothing in memory: it reads from the segment.
    await subject.process.stop()
    const again = await subject.start({ ...fiuEnvironment(subject.folder) })
    t.not(again.pid, pid)
    client.close()
    await failOn(subject.folder, again.pid, 'posix/io/rw/pread', EIO)
    const path = '/v1/topics/old/partitions/0/records'
    await until(async () => (await again.client.call('GET', path)).status === 500, 15_000, 'the read fails')
    const refused = await again.client.call('GET', path)
    t.match(refused, { status: 500, json: { code: 'READ_FAILED', path: /old-0/ } })
    t.equal((await subject.publish('new', 1, 100)).status, 201, 'publishing goes on')
    t.equal((await subject.read('new')).length, 1, 'and reading what is in memory')
    t.ok((await subject.metric('dwell_http_problems_total\\{code="READ_FAILED"\\}')) >= 2, 'it is counted')
    const group = '/v1/topics/old/groups/g/acquire'
    t.match(await again.client.call('POST', group, { body: {} }), { status: 500, json: { code: 'READ_FAILED' } })
    await workAgain(subject.folder, again.pid, 'posix/io/rw/pread')
    await until(async () => (await again.client.call('GET', path)).status === 200, 15_000, 'the read works again')
    await subject.checkTopic('old')
  },
)
