// Who a data directory is.

import { join } from 'node:path'
import t from 'tap'
import { identify, identityPath } from '../../storage/base/identity.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { Said } from './log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

async function rig() {
  const disk = new SimulatedDisk()
  await disk.makeDirectory(DATA)
  const log = new Said()
  const random = new SeededRandom(1)
  const at = (path: string, host = 'a') => identify({ disk, random, log, directory: DATA, place: { host, path } })
  return { disk, log, at }
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
