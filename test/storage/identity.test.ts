// Who a data directory is.

import { join } from 'node:path'
import t from 'tap'
import { identify, identityPath, writeIdentity } from '../../storage/base/identity.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { Said } from './log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

async function rig() {
  const disk = new SimulatedDisk()
  await disk.makeDirectory(DATA)
  const log = new Said()
  const random = new SeededRandom(1)
  const as = (testClock: boolean, path = '/var/dwell', host = 'a') =>
    identify({ disk, random, log, directory: DATA, place: { host, path }, testClock })
  const at = (path: string, host = 'a') => as(false, path, host)
  return { disk, log, at, as }
}

t.test('an id is made once, and kept', async (t) => {
  const { disk, log, at } = await rig()
  const { clusterId } = await at('/var/dwell')
  t.match(clusterId, /^[0-9a-f]{32}$/)
  const calls = disk.calls
  t.strictSame(await at('/var/dwell'), { clusterId, host: 'a', path: '/var/dwell' })
  t.ok(disk.calls - calls < 5, 'and not written again')
  t.strictSame(log.lines, [])
})

t.test('P11: at another place it says, once, that it may be a copy, with the id that both carry', async (t) => {
  const { log, at } = await rig()
  const { clusterId } = await at('/var/dwell')
  t.equal((await at('/backup/dwell')).clusterId, clusterId)
  t.match(log.lines, [
    { level: 'warn', fields: { clusterId, host: 'a', path: '/var/dwell' }, sentence: /If it is a copy/ },
  ])
  await at('/backup/dwell')
  t.equal(log.lines.length, 1)
  await at('/backup/dwell', 'b')
  t.match(log.lines[1], { fields: { host: 'a', path: '/backup/dwell' } })
})

t.test('a damaged one is set aside, and a new id made', async (t) => {
  const { disk, log, at } = await rig()
  const { clusterId } = await at('/var/dwell')
  disk.contents(identityPath(DATA))[20] ^= 1
  t.not((await at('/var/dwell')).clusterId, clusterId)
  t.match(log.lines, [{ level: 'error', sentence: /gets a new one/ }])
  t.ok(disk.paths().includes(join(DATA, 'identity.damaged')))
})

t.test('one that cannot be read just now is no damaged one', async (t) => {
  const { disk, at } = await rig()
  const { clusterId } = await at('/var/dwell')
  const eio = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
  disk.onCall = (_, what) => (what.startsWith('read') ? eio : 'go on')
  await t.rejects(at('/var/dwell'), { code: 'EIO' })
  disk.onCall = () => 'go on'
  t.equal((await at('/var/dwell')).clusterId, clusterId)
})

t.test('a directory for tests is one from its first start on, at any place, and stays one', async (t) => {
  const { disk, as } = await rig()
  const made = await as(true)
  t.match(made, { testClockAheadMs: 0 })
  await writeIdentity(disk, DATA, { ...made, testClockAheadMs: 5_000 })
  t.match(await as(true), { testClockAheadMs: 5_000 })
  t.match(await as(true, '/backup/dwell'), { clusterId: made.clusterId, testClockAheadMs: 5_000 })
  await t.rejects(as(false), { code: 'TEST_CLOCK_REFUSED', fields: { testClock: false } })
})

t.test('a directory that was used without a test clock is never one for tests', async (t) => {
  const { disk, as } = await rig()
  t.notHas(await as(false), { testClockAheadMs: 0 })
  await t.rejects(as(true), { code: 'TEST_CLOCK_REFUSED', fields: { testClock: true } })
  await disk.remove(identityPath(DATA))
  await disk.makeDirectory(join(DATA, 'journal'))
  await t.rejects(as(true), { code: 'TEST_CLOCK_REFUSED' }, 'nor is one of a version that wrote no identity')
  t.notHas(await as(false), { testClockAheadMs: 0 })
})

t.test('what a damaged identity was is not known: it is not taken for a directory for tests', async (t) => {
  const { disk, as } = await rig()
  await as(false)
  disk.contents(identityPath(DATA))[20] ^= 1
  await t.rejects(as(true), { code: 'TEST_CLOCK_REFUSED' })
  t.ok((await as(false)).clusterId)
})
