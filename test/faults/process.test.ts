// What the machine does to the real process. test/faults/README.md rows P7 to P11, D18, D20, R2.

import { cpSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Subject, until } from './subject.ts'

// Each test starts a process or two.
t.setTimeout(120_000)

/** NODE_OPTIONS with which the process runs `code` when it is sent SIGUSR2. */
function onSignal(code: string): string {
  return `--import data:text/javascript,${encodeURIComponent(`process.on('SIGUSR2',()=>{${code}})`)}`
}

t.test(
  'P7: a process that stood still fires what is overdue at once, oldest first; locks that ran out are releases',
  async (t) => {
    const subject = new Subject(t, { settings: { DWELL_GROUP_RETRY: '100ms,100ms', DWELL_GROUP_LOCK: '1500ms' } })
    const { client, pid } = await subject.start()
    await subject.publish('now', 5, 10)
    const group = '/v1/topics/now/groups/g'
    const first = (await client.call('POST', `${group}/acquire`, { body: {} })).json as {
      records: { receipt: string }[]
    }
    t.equal(first.records.length, 5)
    // The later ones first.
    const nowMs = Date.now()
    for (const delayMs of [2_000, 1_500, 1_000, 500]) {
      await subject.publish('later', 5, 10, { deliverAt: new Date(nowMs + delayMs).toISOString() })
    }
    process.kill(pid, 'SIGSTOP')
    await until(() => Date.now() > nowMs + 2_000, 10_000, 'all is overdue')
    process.kill(pid, 'SIGCONT')
    await until(
      async () => (await subject.metric('dwell_dispatched_total')) === 20,
      10_000,
      'all is dispatched at once',
    )
    const order = (await subject.read('later')).map((number) => Math.floor((number - 5) / 5))
    t.strictSame(
      order,
      [3, 2, 1, 0].flatMap((of) => Array(5).fill(of)),
      'oldest first',
    )
    await subject.checkTopic('later')
    await until(async () => (await subject.metric('dwell_lock_expiries_total')) === 5, 10_000, 'the locks ran out')
    const acknowledgements = first.records.map(({ receipt }) => ({ receipt, type: 'accept' }))
    const late = await client.call('POST', `${group}/acknowledge`, { body: { acknowledgements } })
    t.match(late.json, { results: Array(5).fill({ state: 'invalid' }) }, 'receipts of before are not valid')
    const second = (await client.call('POST', `${group}/acquire`, { body: { wait: '10s' } })).json
    t.match(second, { records: Array(5).fill({ deliveryCount: 2 }) })
  },
)

t.test('P8: SIGTERM under load answers who was taken in and ends with 0; a second signal ends at once', async (t) => {
  for (const signals of [1, 2]) {
    await t.test(`${signals} signals`, async (t) => {
      const subject = new Subject(t)
      const { pid, exited } = await subject.start()
      const client = async () => {
        for (;;) await subject.publish('now', 5, 1_000)
      }
      const clients = Promise.allSettled(Array.from({ length: 8 }, client))
      await until(() => (subject.acknowledged.get('now')?.size ?? 0) > 500, 10_000, 'load')
      process.kill(pid, 'SIGTERM')
      if (signals === 2) process.kill(pid, 'SIGINT')
      const { code, signal } = await exited
      t.equal(signal, null)
      // Two signals may be seen in one turn; then the second one still asks for haste.
      t.equal(code, signals === 1 ? 0 : 1)
      await clients
      if (signals === 1) t.equal(subject.lines().at(-1)?.msg, 'Stopped.')
      await subject.start()
      await subject.checkTopic('now')
    })
  }
})

/** Publishes, has the process use up all its memory, and sees that the next one needs less than there is. */
async function outOfMemory(t: Test, subject: Subject, settings: Record<string, string>) {
  const { pid, exited } = await subject.start(settings)
  for (let i = 0; i < 20; i++) {
    await subject.publish('now', 100, 1_000)
    await subject.publish('later', 20, 1_000, { delay: '2s' })
  }
  process.kill(pid, 'SIGUSR2')
  const { code, signal } = await exited
  t.ok(code !== 0, `it ended (code ${code}, signal ${signal})`)
  const { readyMs } = await subject.start(settings)
  t.comment(`ready after ${Math.round(readyMs)} ms`)
  await until(async () => (await subject.metric('dwell_delayed_pending')) === 0, 10_000, 'all is dispatched')
  for (const topic of ['now', 'later']) await subject.checkTopic(topic)
}

t.test('P9: a process that ran out of heap comes back under the same limit', async (t) => {
  const hog = onSignal('const kept=[];for(;;)kept.push(new Array(3e7).fill(0.5))')
  // Long intervals: all of it is to be replayed from the journal.
  const settings = { DWELL_CHECKPOINT_INTERVAL: '1h', DWELL_CHECKPOINT_BYTES: '64MiB' }
  const subject = new Subject(t, { under: ['prlimit', '--core=0'] })
  await outOfMemory(t, subject, { ...settings, NODE_OPTIONS: `--max-old-space-size=64 ${hog}` })
})

/** A control group with so much memory: its folder. */
function limitMemory(mib: number): string {
  const [parent, limit] = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes')
    ? ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes']
    : ['/sys/fs/cgroup', 'memory.max']
  const folder = join(parent, `dwell-test-${process.pid}`)
  mkdirSync(folder)
  writeFileSync(join(folder, limit), String(mib * 1024 * 1024))
  return folder
}

/** Why no control group can be had here; undefined when one can. */
function withoutGroups(): string | undefined {
  try {
    rmdirSync(limitMemory(1))
    return undefined
  } catch (error) {
    return `no control group can be made here: ${(error as Error).message}`
  }
}

t.test('P9: a process that the kernel killed for its memory comes back', { skip: withoutGroups() }, async (t) => {
  const group = limitMemory(256)
  const hog = onSignal('const kept=[];for(;;)kept.push(Buffer.alloc(4194304,1))')
  const subject = new Subject(t, { under: ['sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$@"`, 'sh'] })
  try {
    await outOfMemory(t, subject, { DWELL_CHECKPOINT_INTERVAL: '1h', NODE_OPTIONS: hog })
  } finally {
    await subject.end()
    await until(() => removed(group), 15_000, 'the group is empty')
  }
})

function removed(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch {
    return !existsSync(folder)
  }
}

t.test('P10: a blocked event loop makes late, not early, and shows in the lateness', async (t) => {
  const subject = new Subject(t)
  const sign = join(subject.folder, 'blocked')
  const say = `process.getBuiltinModule('fs').writeFileSync(${JSON.stringify(sign)},'')`
  const block = onSignal(`${say};Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0,2000)`)
  const { client, pid } = await subject.start({ NODE_OPTIONS: block })
  const { json } = await subject.publish('later', 5, 10, { delay: '300ms' })
  process.kill(pid, 'SIGUSR2')
  await until(() => existsSync(sign), 10_000, 'it is blocked')
  t.equal((await client.call('GET', '/healthz')).status, 200)
  await until(async () => (await subject.metric('dwell_dispatched_total')) === 5, 10_000, 'all is dispatched')
  const { records } = (await client.call('GET', '/v1/topics/later/partitions/0/records')).json as {
    records: { timestamp: string }[]
  }
  const dueAtMs = (json as { results: { dueAtMs: number }[] }).results[0].dueAtMs
  const latenessMs = Date.parse(records[0].timestamp) - dueAtMs
  t.ok(latenessMs > 1_000, `late by ${latenessMs} ms`)
  const sum = await subject.metric('dwell_dispatch_lateness_seconds_sum')
  t.ok(sum > 5, `lateness of ${sum} s in all`)
})

t.test('P11, D18: a copy of the directory carries the same cluster id, and says that it may be one', async (t) => {
  const subject = new Subject(t)
  const { client } = await subject.start()
  const { clusterId } = (await client.call('GET', '/readyz')).json as { clusterId: string }
  t.match(clusterId, /^[0-9a-f]{32}$/)
  await subject.publish('now', 1, 10)
  await subject.process.stop()
  const copy = new Subject(t, { beside: subject })
  cpSync(subject.dataDirectory, copy.dataDirectory, { recursive: true })
  await subject.start()
  t.notOk(
    subject.lines().some(({ msg }) => msg.includes('If it is a copy')),
    'the original has nothing to say',
  )
  const beside = await copy.start()
  t.match((await beside.client.call('GET', '/readyz')).json, { clusterId })
  const said = copy.lines().find(({ msg }) => msg.startsWith('This data directory was last used on'))
  t.match(said, { level: 'warn', clusterId, path: subject.dataDirectory })
  t.match(copy.lines().at(-1), { clusterId, msg: /^Listening/ })
})

t.test('D20: with few descriptors fewer connections are taken, and nothing else suffers', async (t) => {
  const subject = new Subject(t, { under: ['prlimit', '--nofile=128'], settings: { DWELL_WHEEL_SLOTS: '600' } })
  const { client, port } = await subject.start()
  for (let i = 0; i < 40; i++) await subject.publish(`topic-${i}`, 2, 1_000)
  const sockets: Socket[] = []
  let closed = 0
  for (let i = 0; i < 200; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.on('close', () => closed++)
    sockets.push(socket)
  }
  await until(() => closed > 150, 10_000, 'most of them are not taken')
  for (let i = 0; i < 60; i++) await subject.publish('later', 2, 1_000, { delay: `${500 + 20 * i}ms` })
  for (let i = 0; i < 40; i++) await subject.publish(`topic-${i}`, 2, 1_000)
  // Two checkpoints, all segments and many slots: the descriptors for them were kept back.
  await until(async () => (await subject.metric('dwell_dispatched_total')) === 120, 15_000, 'all is dispatched')
  t.ok((await subject.metric('dwell_http_connections_dropped_total')) > 150, 'it is counted')
  for (const socket of sockets) socket.destroy()
  for (const topic of ['later', 'topic-0', 'topic-39']) await subject.checkTopic(topic)
  t.equal((await client.call('GET', '/readyz')).status, 200)
  t.strictSame(
    subject.lines().filter(({ level }) => level === 'error' || level === 'fatal'),
    [],
  )
})
