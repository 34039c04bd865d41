// The server of a crash run: the real broker on a disk that notes its named points, and, with `write-back`, keeps what
// was not synced in memory, so that its death is a power cut. After a power cut the machine has booted anew, and the
// clock says so. With `--tight` the disk says for a moment, now and then, that it is nearly full, or full; with `--fail N`
// the Nth write or sync of the log fails, once. The wall clock is ahead by what stands in `--clock`: see stepped-clock.ts.
//
//   node test/crash/server.ts --disk system|write-back --points FILE --clock FILE [--slow MS] [--tight] [--fail N] [--fates JSON]

import { flushCompileCache } from 'node:module'
import { parseArgs } from 'node:util'
import { Broker } from '../../service/broker.ts'
import { readSettings } from '../../service/config.ts'
import { makeLog } from '../../service/logging.ts'
import { SystemDisk, SystemRandom } from '../../storage/index.ts'
import { PointsDisk } from '../support/points-disk.ts'
import { WriteBackDisk } from '../support/write-back-disk.ts'
import { noteDeliveryPoints } from './delivery-points.ts'
import { FailingDisk } from './failing-disk.ts'
import { noteLevelPoints } from './level-points.ts'
import { type Fates, notePoints } from './points.ts'
import { SteppedClock } from './stepped-clock.ts'

/** So soon that a start after a power cut has a synced checkpoint to go on from. */
const SLOTS_SETTLED_MS = 200
/** The disk has plenty, then too little to publish, then next to nothing: each for so long. */
const TIGHT_MS = 300
const FREE_SHARES = [Number.POSITIVE_INFINITY, 0.5, 0, Number.POSITIVE_INFINITY]

const { values: flags } = parseArgs({
  options: {
    disk: { type: 'string', default: 'system' },
    points: { type: 'string' },
    slow: { type: 'string', default: '0' },
    tight: { type: 'boolean', default: false },
    fail: { type: 'string' },
    clock: { type: 'string' },
    fates: { type: 'string', default: '{}' },
  },
})
const powerCut = flags.disk === 'write-back'
const settings = readSettings(process.env, {})
const log = makeLog(settings.LOG_LEVEL)
const clock = new SteppedClock(flags.clock as string, powerCut)
const onPoint = notePoints(flags.points as string, JSON.parse(flags.fates) as Fates)
noteLevelPoints(onPoint)
noteDeliveryPoints(onPoint)

const die = (error: unknown) => {
  log.fatal({ error: error instanceof Error ? error.stack : String(error) }, 'The service failed and ends.')
  process.exit(1)
}
process.on('uncaughtException', die)
process.on('unhandledRejection', die)

const beganMs = performance.now()
const freeBytes = () => {
  const share = FREE_SHARES[Math.floor((performance.now() - beganMs) / TIGHT_MS) % FREE_SHARES.length]
  return share === Number.POSITIVE_INFINITY ? share : share * settings.DISK_LOW_BYTES
}

const machineDisk = powerCut ? new WriteBackDisk(new SystemDisk()) : new SystemDisk()
const broker = await Broker.start({
  settings,
  disk: new PointsDisk(
    new FailingDisk(machineDisk, Number(flags.fail ?? Number.POSITIVE_INFINITY), flags.points as string),
    {
      onPoint,
      root: settings.DATA_DIR,
      slowMs: Number(flags.slow),
      freeBytes: flags.tight ? freeBytes : undefined,
    },
  ),
  clock,
  random: new SystemRandom(),
  log,
  slotsSettledMs: SLOTS_SETTLED_MS,
  onFailure: die,
})
// A server that is killed would leave nothing to the next one.
flushCompileCache()
process.on('SIGTERM', () => broker.stop().then(() => process.exit(0), die))
