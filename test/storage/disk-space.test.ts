// A full disk is a state: what follows from a look, and the reserve.

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DiskSpace, decide, type SpaceLimits } from '../../storage/base/disk-space.ts'
import { fallingBackOnReserve } from '../../storage/base/reserve.ts'
import { ReserveDisk } from '../../storage/base/reserve-disk.ts'
import type { FreeSpace, Log } from '../../storage/index.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

const MIB = 1024 * 1024
const LIMITS: SpaceLimits = { lowBytes: 800, lowFiles: 80, reserveBytes: 400 }

t.test('what follows from a look', async (t) => {
  const rows: [what: string, low: boolean, missing: number, bytes: number, files: number, then: [boolean, string]][] = [
    ['room', false, 0, 800, 80, [false, 'keep']],
    ['below the watermark', false, 0, 799, 80, [true, 'keep']],
    ['too few files', false, 0, 800, 79, [true, 'keep']],
    ['not yet an eighth more', true, 0, 899, 1000, [true, 'keep']],
    ['an eighth more', true, 0, 900, 90, [false, 'keep']],
    ['an eighth more, but of files', true, 0, 900, 89, [true, 'keep']],
    ['close to the end', true, 0, 99, 1000, [true, 'give up']],
    ['not quite', true, 0, 100, 1000, [true, 'keep']],
    ['given up: what it lacks is not spare', false, 400, 1199, 1000, [true, 'make']],
    ['given up, and room', false, 400, 1200, 1000, [false, 'make']],
    ['given up, room for it, not for publishing', true, 400, 600, 1000, [true, 'make']],
    ['given up, and no room for it', true, 400, 599, 1000, [true, 'keep']],
    ['half made', true, 200, 500, 1000, [true, 'make']],
    ['half made, and close to the end', true, 200, 99, 1000, [true, 'give up']],
  ]
  for (const [what, low, missingBytes, bytes, files, [isLow, reserve]] of rows) {
    t.strictSame(decide({ low, missingBytes, full: false }, { bytes, files }, LIMITS), { low: isLow, reserve }, what)
  }
  const full = decide({ low: false, missingBytes: 400, full: true }, { bytes: 10_000, files: 1_000 }, LIMITS)
  t.strictSame(full, { low: true, reserve: 'make' }, 'a quota: no space for a write, though there seems to be plenty')
  const off = { ...LIMITS, lowBytes: 0 }
  t.strictSame(decide({ low: false, missingBytes: 400, full: true }, { bytes: 0, files: 0 }, off), {
    low: false,
    reserve: 'keep',
  })
  t.strictSame(decide({ low: false, missingBytes: 0, full: false }, { bytes: 0, files: 0 }, off), {
    low: false,
    reserve: 'give up',
  })
  const noReserve = { ...LIMITS, reserveBytes: 0 }
  t.strictSame(decide({ low: true, missingBytes: 0, full: false }, { bytes: 0, files: 90 }, noReserve), {
    low: true,
    reserve: 'keep',
  })
})

/** A disk of `size` bytes of which the files on it take their part; and what is seen of it. */
async function rig(t: Test, sizeBytes: number, limits: Partial<SpaceLimits> = {}, disk = new SimulatedDisk()) {
  const clock = new ManualClock()
  const lines: string[] = []
  const say = (_: unknown, line: string) => lines.push(line)
  const log: Log = { debug() {}, info: say, warn: say, error: say }
  const failures: Error[] = []
  let hogBytes = 0
  Object.defineProperty(disk, 'space', {
    get(): FreeSpace {
      const used = disk.paths().reduce((sum, path) => sum + disk.contents(path).length, 0)
      return { bytes: Math.max(0, sizeBytes - hogBytes - used), files: 1_000 }
    },
  })
  disk.onCall = (_, what) => {
    const full = /^(write|open .*\.making)/.test(what) && disk.space.bytes === 0
    return full ? Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }) : 'go on'
  }
  await disk.makeDirectory(DATA)
  const landmark = join(DATA, 'identity')
  disk.place(landmark, Buffer.alloc(1))
  const space = await DiskSpace.open({
    disk,
    clock,
    log,
    directory: DATA,
    landmark,
    lowBytes: 32 * MIB,
    lowFiles: 10,
    reserveBytes: 8 * MIB,
    ...limits,
    onFailure: (error) => failures.push(error),
  })
  space.start()
  t.teardown(() => space.stop())
  const look = async () => {
    await clock.advance(1_000)
    await settle(100)
  }
  await settle(100)
  return { disk, space, clock, lines, failures, landmark, look, hog: (bytes: number) => (hogBytes = bytes) }
}

t.test('publishing is refused below the watermark and back when there is room, with the reserve kept', async (t) => {
  const { space, lines, hog, look, disk } = await rig(t, 100 * MIB)
  t.equal(disk.contents(join(DATA, 'reserve')).length, 8 * MIB)
  space.admit()
  hog(61 * MIB)
  await look()
  t.throws(() => space.admit(), { code: 'DISK_LOW', fields: { freeBytes: 31 * MIB - 1, limit: 32 * MIB } })
  hog(58 * MIB)
  await look()
  t.throws(() => space.admit(), { code: 'DISK_LOW' }, 'a little more is not enough')
  hog(50 * MIB)
  await look()
  space.admit()
  t.strictSame(space.stats(), {
    freeBytes: 42 * MIB - 1,
    freeFiles: 1_000,
    low: false,
    reserveBytes: 8 * MIB,
    refused: 2,
    givenUp: 0,
  })
  t.equal(lines.length, 3, 'a line each change')
  t.match(lines[0], 'The reserve of the disk is set aside.')
  t.match(lines[1], /^The disk is nearly full: 32505855 bytes are free, publishing needs 33554432\./)
  t.match(lines[2], 'There is room on the disk again')
})

t.test('the reserve is given up close to the end, and made again before publishing is back', async (t) => {
  const { space, lines, hog, look, disk } = await rig(t, 100 * MIB)
  hog(91 * MIB)
  await look()
  t.notOk(disk.paths().includes(join(DATA, 'reserve')))
  t.equal(space.stats().givenUp, 1)
  hog(61 * MIB)
  await look()
  t.throws(() => space.admit(), { code: 'DISK_LOW' }, 'first the reserve')
  t.ok(disk.paths().includes(join(DATA, 'reserve')))
  hog(0)
  await look()
  space.admit()
  t.match(lines[1], /^The disk is nearly full/)
  t.match(lines[2], 'The disk is full: the reserve is given up.')
})

t.test('a write that finds no space has the reserve at once, and is made again', async (t) => {
  const { space, hog, disk } = await rig(t, 100 * MIB)
  const sparing = new ReserveDisk(disk, () => space.foundFull())
  hog(92 * MIB)
  const slot = await sparing.open(join(DATA, '1.slot'), 'write')
  await slot.write(Buffer.from('entry'), 0)
  t.equal(disk.contents(join(DATA, '1.slot')).toString(), 'entry')
  t.equal(space.stats().givenUp, 1)
  t.throws(() => space.admit(), { code: 'DISK_LOW' }, 'and publishing is refused without waiting for a look')
  hog(100 * MIB)
  const error = { code: 'DISK_FULL', message: /no room for 4 bytes of \/data\/1\.slot/, fields: { sizeBytes: 4 } }
  await t.rejects(slot.write(Buffer.from('more'), 5), error, 'then it says where and how much')
})

t.test('a write-through write is never made again', async (t) => {
  const { space, hog, disk } = await rig(t, 100 * MIB)
  const sparing = new ReserveDisk(disk, () => space.foundFull())
  const journal = await sparing.open(join(DATA, '1.journal'), 'write-through')
  hog(92 * MIB)
  await t.rejects(journal.write(Buffer.from('frame'), 0), { code: 'DISK_FULL' })
  t.equal(space.stats().givenUp, 0)
})

t.test('a start on a nearly full disk has no reserve and refuses publishing', async (t) => {
  const { space, disk, look, hog } = await rig(t, 6 * MIB)
  t.throws(() => space.admit(), { code: 'DISK_LOW', message: /and, before that, 8388608 for the reserve/ })
  t.notOk(disk.paths().includes(join(DATA, 'reserve')))
  hog(-100 * MIB)
  await look()
  await look()
  space.admit()
  t.equal(space.stats().reserveBytes, 8 * MIB)
})

t.test('what comes before the reserve is taken over falls back on it too', async (t) => {
  const { disk, hog } = await rig(t, 100 * MIB)
  hog(92 * MIB)
  let tries = 0
  const write = async () => {
    tries++
    await (await disk.open(join(DATA, 'owner.json'), 'write')).write(Buffer.from('{}'), 0)
  }
  await fallingBackOnReserve(disk, DATA, write)
  t.equal(tries, 2)
})

t.test('a kept reserve is taken over, one of another size or half made is not', async (t) => {
  const { disk, space } = await rig(t, 100 * MIB)
  await space.stop()
  disk.place(join(DATA, 'reserve.making'), Buffer.alloc(5))
  const second = await rig(t, 100 * MIB, {}, disk)
  t.equal(second.space.stats().reserveBytes, 8 * MIB)
  t.strictSame(second.lines, [], 'nothing had to be made')
  t.notOk(disk.paths().includes(join(DATA, 'reserve.making')))
  await second.space.stop()
  const third = await rig(t, 100 * MIB, { reserveBytes: 4 * MIB }, disk)
  t.equal(disk.contents(join(DATA, 'reserve')).length, 4 * MIB)
  await third.space.stop()
  const off = await rig(t, 100 * MIB, { lowBytes: 0 }, disk)
  t.notOk(disk.paths().includes(join(DATA, 'reserve')), 'without a watermark there is none')
  off.hog(100 * MIB)
  await off.look()
  off.space.admit()
})

t.test('under a quota publishing waits for the reserve, which is not tried every second', async (t) => {
  const { disk, space, look, lines } = await rig(t, 100 * MIB)
  const over = Object.assign(new Error('EDQUOT: disk quota exceeded'), { code: 'EDQUOT' })
  let tries = 0
  disk.onCall = (_, what) => (what.startsWith('open') && what.endsWith('.making') && ++tries ? over : 'go on')
  await space.foundFull()
  for (let i = 0; i < 30; i++) await look()
  t.equal(tries, 6, 'once in five seconds')
  t.equal(lines.filter((line) => line.includes('cannot be set aside')).length, 6)
  t.throws(() => space.admit(), { code: 'DISK_LOW' })
  disk.onCall = () => 'go on'
  for (let i = 0; i < 11; i++) await look()
  space.admit()
})

t.test('D21: a directory that was taken away under the process is noticed by the next look', async (t) => {
  const { disk, landmark, look, failures } = await rig(t, 100 * MIB)
  disk.takeAway(landmark)
  await look()
  await look()
  t.equal(failures.length, 1)
  t.match(failures[0], {
    code: 'DATA_DIRECTORY_LOST',
    message: /^The data directory \/data is out of reach: .*identity/,
  })
})
