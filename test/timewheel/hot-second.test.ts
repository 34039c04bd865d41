import fc from 'fast-check'
import t from 'tap'
import { type Disk, type DiskFile, SystemDisk } from '../../storage/index.ts'
import { comparePlaces } from '../../timewheel/entry/place.ts'
import type { SlotReader } from '../../timewheel/slot/slot-reader.ts'
import { READY_ENTRY_OVERHEAD } from '../../timewheel/slot/slot-reader.ts'
import { placesOf, SECOND, SlotRig, type SlotRigOptions } from './slot-rig.ts'

const KIB = 1024

/** Counts what is read, and looks at what is held whenever something is. */
class WatchedDisk extends SystemDisk {
  readBytes = 0
  reads = 0
  heldBytesMax = 0
  reader: SlotReader | undefined

  override async open(...opening: Parameters<Disk['open']>): Promise<DiskFile> {
    const file = await super.open(...opening)
    const read = file.read.bind(file)
    file.read = async (into, position) => {
      this.reads++
      this.readBytes += into.length
      this.look()
      return read(into, position)
    }
    return file
  }

  look(): void {
    this.heldBytesMax = Math.max(this.heldBytesMax, this.reader?.heldBytes ?? 0)
  }
}

interface Filling {
  what: string
  ms: (i: number) => number
  /** Entries between two writes to the file. */
  run: number
  sorted?: boolean
}

const COUNT = 16_000
const random = (i: number) => ((i * 2_654_435_761) >>> 8) % 1_000
const FILLINGS: Filling[] = [
  { what: 'all in the same millisecond', ms: () => 500, run: 5_000 },
  { what: 'random in the second, sorted as it was written', ms: random, run: 5_000 },
  { what: 'random in the second, in no order at all', ms: random, run: 5_000, sorted: false },
  { what: 'thousands of tiny runs', ms: random, run: 7 },
  { what: 'runs each behind the other', ms: (i) => Math.floor(i / 16), run: 1_000 },
]

for (const { what, ms, run, sorted } of FILLINGS) {
  t.test(`a hot second is read in order, in linear time and bounded memory: ${what}`, async (t) => {
    const disk = new WatchedDisk()
    const readBytes = sorted === false || run < 100 ? 1024 * KIB : 256 * KIB
    const rig = new SlotRig({ disk, readBytes, sorted })
    t.teardown(() => rig.close())
    const cancelled = new Set<number>()
    for (let i = 0; i < COUNT; i++) {
      rig.add(ms(i), i, 200)
      // Some right away, some long after, whose targets are long in the file.
      if (i % 10 === 3) cancelled.add(i)
      if (i % 20 === 13) rig.withdraw(ms(i), i, COUNT + i)
      if (i % 20 === 3 && i > 8_000) rig.withdraw(ms(i - 8_000), i - 8_000, COUNT + i)
      if (i % run === run - 1) await rig.flush()
    }
    for (let i = 3; i < COUNT; i += 20) if (i > 7_999) rig.withdraw(ms(i), i, 2 * COUNT + i)
    await rig.flush()
    const reader = rig.reader()
    disk.reader = reader
    let pieceBytesMax = 0
    const last = 0
    const seen = { entries: 0 }
    const { entries, pieces } = await rig.readAll(reader, () => disk.look())
    for (const { envelope } of entries) seen.entries += envelope.length
    const expected = Array.from({ length: COUNT }, (_, i) => ({ dueAtMs: SECOND * 1000 + ms(i), offset: i }))
      .filter(({ offset }) => !cancelled.has(offset))
      .sort(comparePlaces)
    t.same(placesOf(entries), placesOf(expected))
    pieceBytesMax = Math.max(pieceBytesMax, (seen.entries + entries.length * READY_ENTRY_OVERHEAD) / pieces - last)
    const { fileSize } = rig.slot
    t.ok(fileSize > 3 * readBytes, 'far more than memory')
    t.ok(disk.heldBytesMax <= readBytes / 2, `${disk.heldBytesMax} bytes were held at once of ${readBytes}`)
    t.ok(pieceBytesMax <= readBytes / 8, `${pieceBytesMax} bytes a piece`)
    t.ok(disk.readBytes < 3.5 * fileSize, `${(disk.readBytes / fileSize).toFixed(1)} times the file was read`)
    t.ok(disk.reads < COUNT, `${disk.reads} reads`)
    t.same(await disk.size(`${rig.directory}/${SECOND}.sorted`), undefined, 'nothing is left over')
  })
}

t.test('an entry far larger than the budget is read, alone', async (t) => {
  const disk = new WatchedDisk()
  const readBytes = 64 * KIB
  const rig = new SlotRig({ disk, readBytes })
  t.teardown(() => rig.close())
  for (let i = 0; i < 60; i++) {
    rig.add(random(i), i, i % 3 === 0 ? 100 * KIB : 300)
    if (i % 10 === 9) await rig.flush()
  }
  const reader = rig.reader()
  disk.reader = reader
  const { entries } = await rig.readAll(reader)
  t.equal(entries.length, 60)
  t.same(entries, entries.toSorted(comparePlaces))
  t.ok(entries.every(({ offset, envelope }) => envelope.length > (offset % 3 === 0 ? 100 * KIB : 300)))
  t.ok(disk.heldBytesMax < readBytes + 101 * KIB, `${disk.heldBytesMax} bytes were held`)
})

t.test('damage that comes between survey and merge ends the reading, with what was taken being right', async (t) => {
  const rig = new SlotRig({ readBytes: 64 * KIB })
  t.teardown(() => rig.close())
  for (let i = 0; i < 3_000; i++) {
    rig.add(random(i), i, 200)
    if (i % 500 === 499) await rig.flush()
  }
  const whole = placesOf((await rig.readAll()).entries)
  const file = await rig.disk.open(rig.path, 'write')
  t.teardown(() => file.close())
  const reader = rig.reader()
  const taken: string[] = []
  const reading = async () => {
    for (let upTo = { dueAtMs: 0, offset: -1 }; ; ) {
      while (!reader.isPrepared) await reader.prepare()
      const piece = reader.take(upTo)
      taken.push(...placesOf(piece.entries))
      upTo = piece.upTo
      if (taken.length > 1_000) await flipLastBytes(file, rig.slot.fileSize)
    }
  }
  await t.rejects(reading(), { code: 'SLOT_DAMAGED' })
  await reader.close()
  t.ok(taken.length > 1_000)
  t.same(taken, whole.slice(0, taken.length))
})

t.test('what was put in order beside a slot is let go of, also when that fails, and twice', async (t) => {
  const rig = new SlotRig({ readBytes: 16 * KIB, sorted: false })
  t.teardown(() => rig.close())
  for (let i = 0; i < 3_000; i++) rig.add(random(i), i, 200)
  await rig.flush()
  let removed = 0
  rig.disk.remove = async (path) => {
    removed++
    throw new Error(`${path} cannot be removed`)
  }
  const reader = rig.reader()
  await reader.prepare()
  await reader.close()
  await reader.close()
  t.equal(removed, 1)
})

/** Damages every entry, where only its checksum tells. */
async function flipLastBytes(file: DiskFile, size: number): Promise<void> {
  const bytes = Buffer.alloc(size)
  await file.read(bytes, 0)
  for (let at = 6; at < size; ) {
    at += 8 + bytes.readUInt32BE(at)
    bytes[at - 1] ^= 1
  }
  await file.write(bytes, 0)
}

type Step = { do: 'add' | 'withdraw'; ms: number; size: number; which: number } | { do: 'flush' } | { do: 'seal' }
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constantFrom('add' as const), ms: fc.nat(9), size: fc.nat(150), which: fc.nat() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('withdraw' as const), ms: fc.nat(9), size: fc.nat(0), which: fc.nat() }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'flush' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'seal' as const }) },
)

t.test('whatever is added, withdrawn and written, before and while it is read: as a plain sort has it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 150 }),
      fc.array(fc.array(step, { maxLength: 12 }), { maxLength: 12 }),
      fc.constantFrom(1 * KIB, 2 * KIB, 4 * KIB, 16 * KIB),
      fc.boolean(),
      async (before, meanwhile, readBytes, sorted) => {
        const options: SlotRigOptions = { readBytes, sorted, memoryBytes: 64 * KIB }
        const rig = new SlotRig(options)
        const expected = new Map<number, { dueAtMs: number; offset: number }>()
        let nextOffset = 0
        let horizon = { dueAtMs: 0, offset: -1 }
        const run = async (steps: Step[]) => {
          for (const one of steps) {
            if (one.do === 'flush') await rig.flush()
            else if (one.do === 'seal') rig.slot.seal()
            else if (one.do === 'add') {
              const place = { dueAtMs: SECOND * 1000 + one.ms, offset: nextOffset++ }
              // What is due up to the horizon never comes to the slot.
              if (comparePlaces(place, horizon) <= 0) continue
              rig.add(one.ms, place.offset, one.size)
              // Twice now and then: a slot is a set.
              if (one.which % 5 === 0) rig.add(one.ms, place.offset, one.size)
              expected.set(place.offset, place)
            } else {
              const waiting = [...expected.values()].filter((place) => comparePlaces(place, horizon) > 0)
              if (waiting.length === 0) continue
              const { dueAtMs, offset } = waiting[one.which % waiting.length]
              rig.withdraw(dueAtMs - SECOND * 1000, offset, nextOffset++)
              expected.delete(offset)
            }
          }
        }
        try {
          rig.add(0, nextOffset++)
          expected.set(0, { dueAtMs: SECOND * 1000, offset: 0 })
          await run(before)
          const { entries } = await rig.readAll(rig.reader(), async (pieces, upTo) => {
            horizon = upTo
            await run(meanwhile[pieces] ?? [])
          })
          const sortedOut = [...expected.values()].sort(comparePlaces)
          return JSON.stringify(placesOf(entries)) === JSON.stringify(placesOf(sortedOut))
        } finally {
          rig.close()
        }
      },
    ),
    { numRuns: Number(process.env.HOT_SECOND_RUNS ?? 150), seed: 2026 },
  )
})
