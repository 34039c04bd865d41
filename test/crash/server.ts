// The server of a crash run: the real broker on a disk that notes its named points, and, with `write-back`, keeps what
// was not synced in memory, so that its death is a power cut. After a power cut the machine has booted anew, and the
// clock says so.
//
//   node test/crash/server.ts --disk system|write-back --points FILE [--slow MS] [--die-at POINT --hit N]

import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Broker } from '../../service/broker.ts'
import { readSettings } from '../../service/config.ts'
import { makeLog } from '../../service/logging.ts'
import { SystemClock, SystemDisk, SystemRandom } from '../../storage/index.ts'
import { PointsDisk } from '../support/points-disk.ts'
import { WriteBackDisk } from '../support/write-back-disk.ts'
import { notePoints } from './points.ts'

class RebootedClock extends SystemClock {
  readonly #bootId = randomUUID()

  override bootId(): string {
    return this.#bootId
  }
}

const { values: flags } = parseArgs({
  options: {
    disk: { type: 'string', default: 'system' },
    points: { type: 'string' },
    slow: { type: 'string', default: '0' },
    'die-at': { type: 'string' },
    hit: { type: 'string', default: '1' },
  },
})
const powerCut = flags.disk === 'write-back'
const settings = readSettings(process.env, {})
const log = makeLog(settings.LOG_LEVEL)
const onPoint = notePoints(flags.points as string, flags['die-at'], Number(flags.hit))

const die = (error: unknown) => {
  log.fatal({ error: error instanceof Error ? error.stack : String(error) }, 'The service failed and ends.')
  process.exit(1)
}
process.on('uncaughtException', die)
process.on('unhandledRejection', die)

const broker = await Broker.start({
  settings,
  disk: new PointsDisk(powerCut ? new WriteBackDisk(new SystemDisk()) : new SystemDisk(), {
    onPoint,
    root: settings.DATA_DIR,
    slowMs: Number(flags.slow),
  }),
  clock: powerCut ? new RebootedClock() : new SystemClock(),
  random: new SystemRandom(),
  log,
  onFailure: die,
})
process.on('SIGTERM', () => broker.stop().then(() => process.exit(0), die))
