// What waits for its time: the ids of messages, overflow, and the wheel, which does not turn yet: it catches up when the groups
// are there (delivery.ts).

import { join } from 'node:path'
import { openLevelStore } from '../../storage/index.ts'
import { openOverflowStore, Wheel } from '../../timewheel/index.ts'
import { openIdIndex } from '../publish/id-index.ts'
import { Ids } from '../publish/ids.ts'
import type { LogLayer } from './log.ts'

const KIB = 1024
/** Four times that of LevelDB: it sorts tables a quarter as often, and far messages are taken half as fast again. */
const OVERFLOW_BUFFER_BYTES = 16 * KIB * KIB
const READ_BYTES_MIN = 64 * KIB

export interface WheelLayer extends LogLayer {
  ids: Ids
  wheel: Wheel
}

/** Opens the ids and the wheel. @throws what is found damaged, by its code */
export async function openWheel(below: LogLayer): Promise<WheelLayer> {
  const { settings, disk, clock, directory, home, log, startup, metrics, opened, engine, hand, wheelDirectory } = below
  startup.next('ids', 'Reading the ids of messages.')
  const index = await home.openStore(() => openIdIndex(disk, join(directory, 'index'), log))
  opened.add('index', () => index.close())
  const ids = await Ids.open({ engine, index, hand, windowMs: settings.DEDUPLICATION_WINDOW })
  opened.add('ids', () => ids.stop())

  startup.next('wheel', 'Opening the timing wheel.')
  const overflowDirectory = join(directory, 'overflow')
  const overflow = await home.openStore(() => {
    const open = () => openLevelStore(disk, overflowDirectory, { writeBufferBytes: OVERFLOW_BUFFER_BYTES })
    return openOverflowStore({ open, engine, disk, directory: wheelDirectory })
  })
  opened.add('overflow', () => overflow.close())
  const wheel = await Wheel.open({
    engine,
    disk,
    clock,
    hand,
    overflow,
    directory: wheelDirectory,
    log,
    slots: settings.WHEEL_SLOTS,
    memoryBytes: settings.WHEEL_MEMORY_BYTES,
    readBytes: Math.max(READ_BYTES_MIN, Math.floor(settings.WHEEL_MEMORY_BYTES / 2)),
    windowSeconds: below.descriptors.slots,
    rememberMs: settings.DEDUPLICATION_WINDOW,
    settledMs: below.slotsSettledMs,
    onDispatch: (dispatched, nowMs) => ids.dispatched(dispatched, nowMs),
    onChange: (changed) => ids.changed(changed),
    onLateness: (ms, count) => metrics.observeLateness(ms, count),
    onFailure: below.onFailure,
  })
  opened.add('wheel', () => wheel.stop())
  return { ...below, ids, wheel }
}
