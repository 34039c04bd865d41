// A slot of one second on a real disk, and all that a reader of it takes.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Disk, decodeRecordBody, SystemDisk } from '../../storage/index.ts'
import { cancelledEnvelope } from '../../timewheel/entry/entry.ts'
import { messageBody } from '../../timewheel/entry/entry-body.ts'
import { BEGINNING, type Place } from '../../timewheel/entry/place.ts'
import type { Slot } from '../../timewheel/slot/slot.ts'
import { type ReadyEntry, SlotReader } from '../../timewheel/slot/slot-reader.ts'
import { Slots } from '../../timewheel/slot/slots.ts'
import { written } from '../support/written.ts'

export const SECOND = 1_800_000_000

export interface SlotRigOptions {
  disk?: Disk
  memoryBytes?: number
  readBytes?: number
  /** Whether what is written to a hot slot is sorted. */
  sorted?: boolean
}

export class SlotRig {
  readonly directory = mkdtempSync(join(tmpdir(), 'dwell-slot-'))
  readonly disk: Disk
  readonly slots: Slots
  readonly readBytes: number

  constructor({ disk = new SystemDisk(), memoryBytes = 1e9, readBytes = 1e9, sorted = true }: SlotRigOptions = {}) {
    this.disk = disk
    this.readBytes = readBytes
    const { directory } = this
    const hotBytes = sorted ? readBytes / 8 : undefined
    this.slots = new Slots({ disk, directory, memoryBytes, hotBytes, onRelieved: () => {} })
  }

  get slot(): Slot {
    return this.slots.get(SECOND) as Slot
  }

  get path(): string {
    return join(this.directory, `${SECOND}.slot`)
  }

  add(ms: number, offset: number, size = 10): void {
    this.slots.add(SECOND * 1000 + ms, offset, message(ms, size))
  }

  withdraw(ms: number, target: number, factOffset: number): void {
    const dueAtMs = SECOND * 1000 + ms
    this.slots.add(dueAtMs, factOffset, cancelledEnvelope({ dueAtMs, offset: target }, 1))
  }

  /** Writes what is in memory to the slot's file. */
  async flush(): Promise<void> {
    await this.slots.write([this.slot], true)
  }

  reader(): SlotReader {
    const { disk, slots, readBytes, directory, path, slot } = this
    const open = () => disk.open(path, 'read')
    return new SlotReader(slot, { disk, slots, slotsDirectory: directory, readBytes, open })
  }

  /** Reads to the end; `between` is called before each piece, with how many were taken. */
  async readAll(
    reader = this.reader(),
    between: (pieces: number, upTo: Place) => Promise<void> | void = () => {},
  ): Promise<{ entries: ReadyEntry[]; pieces: number }> {
    const entries: ReadyEntry[] = []
    let pieces = 0
    try {
      for (let upTo = BEGINNING; upTo.offset !== Number.MAX_SAFE_INTEGER; pieces++) {
        await between(pieces, upTo)
        while (!reader.isPrepared) await reader.prepare()
        const piece = reader.take(upTo)
        entries.push(...piece.entries)
        upTo = piece.upTo
      }
    } finally {
      await reader.close()
    }
    return { entries, pieces }
  }

  close(): void {
    rmSync(this.directory, { recursive: true })
  }
}

export function message(ms: number, size = 10): Buffer {
  const record = { topic: 'orders', dueAtMs: SECOND * 1000 + ms, body: Buffer.alloc(size, 'x'), fillId: false }
  return decodeRecordBody(written(messageBody(record, 1))).value as Buffer
}

/** Entries as `ms:offset`. */
export function placesOf(entries: readonly Place[]): string[] {
  return entries.map(({ dueAtMs, offset }) => `${dueAtMs - SECOND * 1000}:${offset}`)
}
