// A group on the embedded engine and a disk that loses power: of what was not synced, each sector is old, new, zeros or
// garbage. Every second death is that of the process alone.

import type { GroupSettings } from '../../../service/delivery/index.ts'
import type { EmbeddedEngine } from '../../../storage/index.ts'
import { openLog } from '../../storage/log-on-simulated-disk.ts'
import { SimulatedDisk } from '../../storage/simulated-disk.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { GroupRig } from './group-rig.ts'

/** What the disk does in a turn may be many calls, each a turn of its own. */
const IDLE_TURNS = 100

export async function startWithPowerCuts(
  seed: number,
  topics: Record<string, number>,
  defaults: Partial<GroupSettings>,
): Promise<GroupRig<EmbeddedEngine>> {
  const clock = new ManualClock()
  const random = new SeededRandom(seed)
  let disk = new SimulatedDisk()
  const open = () => openLog(disk, { clock, random })
  const crash = () => {
    disk.die()
    disk = random.chance(0.5) ? disk.afterKill() : disk.afterPowerCut(() => random.fraction())
    return open()
  }
  return GroupRig.startIn({ engine: await open(), crash, idleTurns: IDLE_TURNS }, clock, { topics, defaults })
}
