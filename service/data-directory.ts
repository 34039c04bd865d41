// The data directory as the parts find it: nobody else uses it, its space is watched, writes fall back on the reserve, and
// it is known by its id.
//
//   lock/, owner.json      held while a process uses the directory
//   identity               the cluster id; whether it is a directory for tests
//   reserve                space kept back

import { hostname } from 'node:os'
import { resolve } from 'node:path'
import {
  type Clock,
  type Disk,
  DiskSpace,
  type DwellError,
  fallingBackOnReserve,
  type Identity,
  identify,
  identityPath,
  isFull,
  type KeyValueStore,
  type Log,
  lockDirectory,
  type Random,
  ReserveDisk,
  watched,
  writeIdentity,
} from '../storage/index.ts'
import type { Settings } from './settings.ts'
import { TestClock } from './test-clock.ts'

/** Files that must still fit on the disk beside one for each slot of the wheel. */
const FILES_SPARE = 1_000

export interface DataDirectoryOptions {
  settings: Settings
  disk: Disk
  clock: Clock
  random: Random
  log: Log
  /** Called once when the directory is gone: the process must end. */
  onFailure: (error: DwellError) => void
}

export class DataDirectory {
  readonly path: string
  /** What every part writes with. */
  readonly disk: Disk
  readonly space: DiskSpace
  readonly clusterId: string
  /** The clock of every part: the machine's, or one that is moved by hand. */
  readonly clock: Clock
  /** That clock, in a directory for tests. */
  readonly testClock: TestClock | undefined

  private constructor(parts: Pick<DataDirectory, 'path' | 'disk' | 'space' | 'clusterId' | 'clock' | 'testClock'>) {
    this.path = parts.path
    this.disk = parts.disk
    this.space = parts.space
    this.clusterId = parts.clusterId
    this.clock = parts.clock
    this.testClock = parts.testClock
  }

  /**
   * Takes the directory, which is made when missing; `opened` is told of each thing that is to be closed later.
   * @throws DATA_DIRECTORY_LOCKED, DATA_DIRECTORY_UNUSABLE, DISK_FULL, TEST_CLOCK_REFUSED
   */
  static async open(
    options: DataDirectoryOptions,
    opened: (part: string, close: () => Promise<unknown>) => void,
  ): Promise<DataDirectory> {
    const { settings, random, log, onFailure } = options
    const directory = settings.DATA_DIR
    const owner = { pid: process.pid, host: hostname(), startedAtMs: options.clock.wallMs() }
    // The lock is taken before anything is written: when that finds no space, nobody else has the directory.
    const lock = await fallingBackOnReserve(options.disk, directory, () =>
      lockDirectory(options.disk, directory, owner),
    )
    opened('lock', () => lock.release())
    const place = { host: hostname(), path: resolve(directory) }
    const testClock = settings.TEST_CLOCK
    const identified = () => identify({ disk: options.disk, random, log, directory, place, testClock })
    const identity = await fallingBackOnReserve(options.disk, directory, identified)
    const moved = testClockOf(identity, options)
    const clock = moved ?? options.clock
    const space = await DiskSpace.open({
      disk: options.disk,
      clock,
      log,
      directory,
      landmark: identityPath(directory),
      lowBytes: settings.DISK_LOW_BYTES,
      lowFiles: settings.DISK_LOW_BYTES === 0 ? 0 : settings.WHEEL_SLOTS + FILES_SPARE,
      reserveBytes: settings.DISK_LOW_BYTES === 0 ? 0 : settings.DISK_RESERVE_BYTES,
      onFailure,
    })
    space.start()
    opened('space', () => space.stop())
    const disk = new ReserveDisk(options.disk, () => space.foundFull())
    return new DataDirectory({ path: directory, disk, space, clusterId: identity.clusterId, clock, testClock: moved })
  }

  /** Opens a LevelDB store, with the reserve's help if it takes that; from then on it looks for room before each write. */
  async openStore(open: () => Promise<KeyValueStore>): Promise<KeyValueStore> {
    const look = () => this.space.look()
    try {
      return watched(await open(), look)
    } catch (error) {
      if (!isFull(error)) throw error
      await this.space.foundFull()
      return watched(await open(), look)
    }
  }
}

function testClockOf(identity: Identity, { disk, clock, settings }: DataDirectoryOptions): TestClock | undefined {
  const { testClockAheadMs: aheadMs } = identity
  if (aheadMs === undefined) return undefined
  const remember = (ms: number) => writeIdentity(disk, settings.DATA_DIR, { ...identity, testClockAheadMs: ms })
  return new TestClock({ clock, aheadMs, spareMs: settings.DELAY_MAX, remember })
}
