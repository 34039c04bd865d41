// Opens what the wheel is made of: decides what to go on from, and puts together from that what waits.

import type { Clock, Disk, KeyValueStore, Log, LogEngine } from '../storage/index.ts'
import { CatchUp } from './catch-up.ts'
import { Census } from './census/census.ts'
import { recover } from './checkpoint/recovery.ts'
import type { Synced } from './checkpoint/synced-file.ts'
import { Consumption } from './consumption.ts'
import { DELAY_TOPIC } from './entry/entry.ts'
import type { HandClock } from './hand-clock.ts'
import { countHandSecond } from './hand-second.ts'
import { KeptMessages } from './kept-messages.ts'
import { lastMark, MARK_TOPIC } from './mark.ts'
import { Overflow } from './overflow.ts'
import { Pending } from './pending.ts'
import { slotsPath } from './slot/slot-files.ts'
import { Slots } from './slot/slots.ts'

/** A slot with more than this part of the budget for reading is hot. */
const HOT_PART = 1 / 8

export interface OpeningOptions {
  engine: LogEngine
  disk: Disk
  clock: Clock
  hand: HandClock
  overflow: KeyValueStore
  /** The wheel's own folder. */
  directory: string
  log: Log
  /** How far the wheel reaches, in seconds. */
  slots: number
  /** Budget for entries that are in memory only. */
  memoryBytes: number
  /** Budget for entries read from a slot on their way to the hand. */
  readBytes: number
  /** Called when something was written that the wheel may wait for. */
  onWritten: () => void
}

export interface Opened {
  slotsDirectory: string
  pending: Pending
  kept: KeptMessages
  consumption: Consumption
  /** The synced checkpoint that the start left in place. */
  synced: Synced | undefined
}

/** @throws OVERFLOW_LOST */
export async function openParts(options: OpeningOptions): Promise<Opened> {
  const { engine, disk, log, directory, hand, clock, memoryBytes, readBytes, onWritten } = options
  for (const topic of [DELAY_TOPIC, MARK_TOPIC]) {
    if (engine.topic(topic) === undefined) await engine.createTopic(topic, { partitions: 1, cleanup: 'delete' })
  }
  const slotsDirectory = slotsPath(directory)
  await disk.makeDirectory(slotsDirectory)
  const mark = await lastMark(engine)
  hand.notBefore(mark.hand.dueAtMs)
  const overflow = new Overflow(options.overflow, onWritten)
  const hotBytes = readBytes * HOT_PART
  const slots = new Slots({ disk, directory: slotsDirectory, memoryBytes, hotBytes, onRelieved: onWritten })
  const { logStartOffset, highWatermark } = engine.offsets(DELAY_TOPIC, 0)
  const { checkpoint, synced, because } = await recover({
    disk,
    log,
    directory,
    overflow,
    mark,
    delayLogStart: logStartOffset,
    delayEnd: highWatermark,
    bootId: clock.bootId(),
  })
  const census = checkpoint?.census === undefined ? new Census() : Census.decode(checkpoint.census)
  const pending = new Pending({
    slots,
    overflow,
    census,
    mark,
    checkpoint,
    reachSeconds: options.slots,
    readBytes,
    // Half of it: records take more than their bodies, and the mark comes with them.
    stepBytesMax: engine.appendBytesMax / 2,
    nowMs: hand.nowMs(),
  })
  const from = checkpoint?.consumed ?? logStartOffset
  const catchUp = new CatchUp({ pending, mark, checkpoint, consumed: from })
  const kept = new KeptMessages(engine, overflow)
  const consumption = new Consumption({ engine, pending, catchUp, kept, from })
  await slots.deleteOthers()
  await countHandSecond({ disk, log, slotsDirectory, slots, census, hand: mark.hand, readBytes })
  await overflow.begin()
  await catchUp.begin()
  const figures = { because, fromOffset: from, toOffset: highWatermark, overflowRows: census.later }
  log.info(figures, 'The wheel is open.')
  return { slotsDirectory, pending, kept, consumption, synced }
}
