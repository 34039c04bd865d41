// A full disk, shown on a real one: a tmpfs of limited size. test/faults/README.md rows D7, D8, D21.

import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openLevelStore, SystemDisk } from '../../storage/index.ts'
import { mountTmpfs, withoutMounts } from './machine.ts'
import { Subject, until } from './subject.ts'

const MIB = 1024 * 1024

const skip = withoutMounts()

/** A subject whose data lie on a tmpfs. */
function onTmpfs(t: Test, options: string, settings: Record<string, string>): { subject: Subject; path: string } {
  const mount = mountTmpfs(options)
  return { subject: new Subject(t, { mount, settings }), path: mount.path }
}

/** Takes all the room that is free now; not what a reserve that is given up meanwhile sets free. */
function fill(path: string): void {
  const file = openSync(join(path, 'filler'), 'w')
  const block = Buffer.alloc(64 * 1024)
  const { bavail, bsize } = statfsSync(path)
  try {
    for (let room = bavail * bsize; room > 0; room -= block.length)
      writeSync(file, block, 0, Math.min(room, block.length))
  } catch {
    // The service has written something meanwhile.
  } finally {
    closeSync(file)
  }
}

t.test(
  'D7, promise 9: a full disk refuses publishing, and nothing else, until there is room again',
  { skip },
  async (t) => {
    const { subject, path } = onTmpfs(t, 'size=152m', {
      DWELL_DISK_LOW_BYTES: '40MiB',
      DWELL_DISK_RESERVE_BYTES: '16MiB',
      DWELL_WHEEL_SLOTS: '3',
    })
    writeFileSync(join(path, 'of-others'), Buffer.alloc(40 * MIB))
    const { client } = await subject.start()
    await until(() => existsSync(join(path, 'data', 'reserve')), 15_000, 'the reserve')

    // Beyond the reach of the wheel: LevelDB keeps these, and compacts while the disk fills up.
    for (let i = 0; i < 80; i++) await subject.publish('later', 10, 8_000, { delay: '5s', id: 'later' })
    let refused = await subject.publish('now', 50, 8_000)
    const beganMs = performance.now()
    while (refused.status === 201 && performance.now() - beganMs < 20_000)
      refused = await subject.publish('now', 50, 8_000)
    t.match(refused, { status: 507, json: { code: 'DISK_LOW', freeBytes: Number, limit: 40 * MIB } })
    t.equal((await client.call('POST', '/v1/topics/now/messages?acks=0', { body: { value: 1 } })).status, 507, 'acks=0')
    for (const [topic, body, type] of [
      ['now', '{"value":1}', 'application/json'],
      ['now', '{"value":1}\n{"value":2}', 'application/x-ndjson'],
      ['new', '{"value":1}', 'application/json'],
    ]) {
      const options = { raw: body, headers: { 'content-type': type } }
      t.equal((await client.call('POST', `/v1/topics/${topic}/messages`, options)).status, 507, type)
    }
    t.equal((await client.call('POST', '/v1/topics/now/raw', { raw: 'x' })).status, 507, 'raw')
    t.equal((await client.call('PUT', '/v1/topics/new', { body: {} })).status, 507, 'no new topic')
    t.equal(
      (await client.call('PUT', '/v1/topics/now', { body: { retention: '1h' } })).status,
      200,
      'a change may make room',
    )
    t.match((await client.call('GET', '/readyz')).json, { ready: true, publishing: false, why: /nearly full/ })

    t.ok(existsSync(join(path, 'data', 'reserve')), 'the reserve is there')
    fill(path)
    await until(
      async () => (await subject.metric('dwell_disk_reserve_given_up_total')) === 1,
      15_000,
      'the reserve given up',
    )
    const now = [...(subject.acknowledged.get('now') as Set<number>)]
    const accepted = await subject.acceptAll('now')
    t.strictSame(
      accepted.toSorted((a, b) => a - b),
      now,
      'acquire and acknowledge go on',
    )
    const count = (subject.acknowledged.get('later') as Set<number>).size
    await until(async () => (await subject.metric('dwell_dispatched_total')) === count, 15_000, 'all is dispatched')
    t.pass('dispatch goes on')
    t.equal((await subject.publish('now', 1, 10)).status, 507)

    for (const name of ['filler', 'of-others']) rmSync(join(path, name))
    await until(async () => (await subject.publish('now', 1, 10)).status === 201, 15_000, 'publishing is back')
    await until(() => existsSync(join(path, 'data', 'reserve')), 15_000, 'and so is the reserve')
    t.match((await client.call('GET', '/readyz')).json, { ready: true, publishing: true })
    const said = subject.lines().map(({ msg }) => msg)
    for (const line of [
      'The disk is nearly full',
      'The disk is full: the reserve is given up',
      'There is room on the disk again',
    ]) {
      t.equal(said.filter((msg) => msg.startsWith(line)).length, 1, line)
    }
    t.strictSame(await subject.process.stop(), { code: 0, signal: null })
    await subject.start()
    for (const topic of ['now', 'later']) await subject.checkTopic(topic)
    t.strictSame(
      await subject.acceptAll('now'),
      [[...(subject.acknowledged.get('now') as Set<number>)].at(-1)],
      'nothing accepted comes again',
    )
  },
)

t.test('D7, promise 9: a start on a full disk has the reserve to go on with', { skip }, async (t) => {
  const { subject, path } = onTmpfs(t, 'size=64m', {
    DWELL_DISK_LOW_BYTES: '8MiB',
    DWELL_DISK_RESERVE_BYTES: '8MiB',
    DWELL_GROUP_RETRY: '200ms',
  })
  await subject.start()
  await until(() => existsSync(join(path, 'data', 'reserve')), 15_000, 'the reserve')
  for (let i = 0; i < 20; i++) await subject.publish('now', 10, 2_000)
  await subject.publish('later', 10, 2_000, { delay: '1s' })
  const toBeCancelled = { value: 'not to come', delay: '1h', id: 'cancelled' }
  await subject.process.client.call('POST', '/v1/topics/later/messages', { body: toBeCancelled })
  await subject.process.kill()
  fill(path)
  t.equal(statfsSync(path).bavail, 0, 'not a byte is free')
  await subject.start()
  t.match(await subject.publish('now', 1, 10), { status: 507, json: { code: 'DISK_LOW' } })
  await until(async () => (await subject.metric('dwell_dispatched_total')) === 10, 15_000, 'all is dispatched')
  for (const topic of ['now', 'later']) await subject.checkTopic(topic)
  const { client } = subject.process
  t.match(await client.call('DELETE', '/v1/topics/later/delayed/cancelled'), { status: 200 }, 'cancel goes on')
  const group = '/v1/topics/now/groups/g'
  const acquired = (await client.call('POST', `${group}/acquire`, { body: { max: 2 } })).json
  const [released, rejected] = (acquired as { records: { receipt: string }[] }).records
  const acknowledgements = [
    { receipt: released.receipt, type: 'release' },
    { receipt: rejected.receipt, type: 'reject' },
  ]
  const { json } = await client.call('POST', `${group}/acknowledge`, { body: { acknowledgements } })
  t.match(json, { results: [{ state: 'retrying' }, { state: 'dead' }] }, 'so do retries and dead letters')
  t.match((await client.call('GET', `${group}/dead-letters/count`)).json, { count: 1 })
  t.equal((await subject.acceptAll('now')).length, 199)
  t.strictSame(await subject.process.stop(), { code: 0, signal: null })
  await subject.start()
  t.strictSame(await subject.acceptAll('now'), [], 'and a stop and a start after that')
  rmSync(join(path, 'filler'))
  await until(async () => (await subject.publish('now', 1, 10)).status === 201, 10_000, 'publishing is back')
})

t.test(
  'D7: without watermark and reserve it stops with path and bytes; with room again all is there',
  { skip },
  async (t) => {
    const { subject, path } = onTmpfs(t, 'size=24m', { DWELL_DISK_LOW_BYTES: '0', DWELL_WHEEL_SLOTS: '3' })
    await subject.start()
    const stops = async () => {
      for (;;) {
        await subject.publish('later', 10, 8_000, { delay: '5s', id: 'later' })
        await subject.publish('now', 10, 8_000)
      }
    }
    await t.rejects(stops(), { name: 'NoAnswer' })
    const last = await subject.lastLine()
    t.match(last.msg, /no space left on device/i, 'the reason')
    t.match(last.path, path, 'and the place')
    execFileSync('mount', ['-o', 'remount,size=128m', path])
    await subject.start()
    await until(async () => (await subject.metric('dwell_delayed_pending')) === 0, 15_000, 'all is dispatched')
    for (const topic of ['now', 'later']) await subject.checkTopic(topic)
  },
)

// By itself it meets the end in a compaction; with a disk that somebody else fills, in its write-ahead file.
for (const [where, sizeMib, ownRows] of [
  ['in a compaction', 14, 1e6],
  ['in its write-ahead file', 14, 50],
] as const) {
  t.test(
    `D8: a LevelDB that found no space ${where} confirms nothing more until it is opened anew`,
    { skip },
    async (t) => {
      const mount = mountTmpfs(`size=${sizeMib}m`)
      t.teardown(() => mount.unmount())
      const disk = new SystemDisk()
      const directory = join(mount.path, 'index')
      const confirmed: number[] = []
      let store = await openLevelStore(disk, directory)
      const put = async (number: number) => {
        // Not to be compressed, so that a compaction writes as much as it reads.
        await store.write([{ type: 'put', key: keyOf(number), value: randomBytes(8_000) }])
        confirmed.push(number)
      }
      const fillUp = async () => {
        for (let number = 0; ; number++) {
          if (number === ownRows) fill(mount.path)
          await put(number)
        }
      }
      const full = { code: 'DISK_FULL', message: /No space left on device/, fields: { path: directory } }
      await t.rejects(fillUp(), full, 'it says so')
      await t.rejects(put(-1), full)
      execFileSync('mount', ['-o', 'remount,size=64m', mount.path])
      await t.rejects(put(-2), full, 'also with room again: it would confirm what it loses')
      await t.rejects(store.clear({}), full)
      t.equal(store.get(keyOf(0))?.length, 8_000, 'it can still be read')
      await store.close()
      store = await openLevelStore(disk, directory)
      const missing = confirmed.filter((number) => store.get(keyOf(number)) === undefined)
      t.strictSame(missing, [], 'nothing is missing')
      await put(-3)
      await store.close()
    },
  )
}

function keyOf(number: number): Buffer {
  const key = Buffer.alloc(4)
  key.writeInt32BE(number)
  return key
}

t.test('D21: a disk on which no more files fit refuses publishing by name, and takes it again', { skip }, async (t) => {
  const { subject, path } = onTmpfs(t, 'size=64m,nr_inodes=2000', {
    DWELL_DISK_LOW_BYTES: '1MiB',
    DWELL_WHEEL_SLOTS: '60',
  })
  const { client } = await subject.start()
  t.equal((await subject.publish('now', 1, 100)).status, 201)
  mkdirSync(join(path, 'many'))
  const { ffree } = statfsSync(path)
  for (let i = 0; i < ffree - 20; i++) writeFileSync(join(path, 'many', String(i)), '')
  let refused = await subject.publish('now', 1, 100)
  await until(
    async () => (refused = await subject.publish('now', 1, 100)).status === 507,
    15_000,
    'publishing is refused',
  )
  t.match(refused.json, { code: 'DISK_LOW', freeFiles: Number, limit: 1_060 })
  t.strictSame(
    await subject.acceptAll('now'),
    [...(subject.acknowledged.get('now') as Set<number>)],
    'the rest goes on',
  )
  t.match((await client.call('GET', '/readyz')).json, { publishing: false, why: /more files fit on it/ })
  rmSync(join(path, 'many'), { recursive: true })
  await until(async () => (await subject.publish('now', 1, 100)).status === 201, 15_000, 'publishing is back')
})
