// A slot's file, read in pages: each page is what sorting all its messages says, and behind the first one only a part of the
// file is read.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { comparePlaces, type Place } from '../../timewheel/entry/place.ts'
import { PageCollector } from '../../timewheel/list/page-collector.ts'
import { SlotMap } from '../../timewheel/list/slot-map.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { message, SECOND, SlotRig } from './slot-rig.ts'

const KIB = 1024
const MIB = 1024 * KIB

interface Filled {
  rig: SlotRig
  inOrder: Place[]
}

/** A slot with so many flushes of so many messages each, which come in no order. */
async function filled(t: Test, flushes: number, count: number, size: number, sorted = true): Promise<Filled> {
  const rig = new SlotRig({ readBytes: 256 * KIB, sorted })
  t.teardown(() => rig.close())
  const chance = new SeededRandom(1)
  const places: Place[] = []
  for (let flush = 0; flush < flushes; flush++) {
    for (let i = 0; i < count; i++) {
      const place = { dueAtMs: SECOND * 1000 + chance.between(0, 999), offset: places.length }
      rig.add(place.dueAtMs % 1000, place.offset, size)
      places.push(place)
    }
    await rig.flush()
  }
  return { rig, inOrder: places.sort(comparePlaces) }
}

/** The page behind `after`, and how many bytes were read for it. */
async function page({ slot, disk, path }: SlotRig, map: SlotMap, after: Place, limit: number, bytesMax = MIB) {
  const beforeMs = (SECOND + 1) * 1000
  const collector = new PageCollector({ topicId: 1, after, beforeMs, limit, bytesMax })
  const file = await disk.open(path, 'read')
  const readBytes = await map.collect(file, slot.writtenSize, collector)
  await file.close()
  return { ...collector.finish(), readBytes }
}

for (const [kind, sorted] of [
  ['of sorted runs', true],
  ['in no order', false],
] as const) {
  t.test(`pages of a slot ${kind} hold all its messages, in order, each once`, async (t) => {
    const { rig, inOrder } = await filled(t, 6, 500, 100, sorted)
    for (const limit of [1, 7, 100, 10_000].slice(sorted ? 0 : 1)) {
      const map = new SlotMap(SECOND, 0)
      const found: Place[] = []
      for (let after: Place | undefined = { dueAtMs: 0, offset: -1 }; after !== undefined && found.length < 700; ) {
        const { entries, upTo } = await page(rig, map, after, limit)
        t.ok(entries.length <= limit)
        found.push(...entries.map(({ dueAtMs, offset }) => ({ dueAtMs, offset })))
        after = upTo
      }
      t.strictSame(found, inOrder.slice(0, found.length), `in pages of ${limit}`)
      t.ok(found.length >= 700)
    }
  })
}

t.test('behind the first page only what may hold the next one is read', async (t) => {
  const { rig, inOrder } = await filled(t, 4, 20_000, 180)
  const size = rig.slot.fileSize
  t.ok(size > 16 * MIB)
  const map = new SlotMap(SECOND, 0)
  const first = await page(rig, map, { dueAtMs: 0, offset: -1 }, 100)
  t.ok(first.readBytes >= size && first.readBytes < 1.01 * size, `all of it, once: ${first.readBytes} of ${size}`)
  for (const at of [99, 40_000, 79_000]) {
    const { entries, readBytes } = await page(rig, map, inOrder[at], 100)
    t.strictSame(
      entries.map(({ offset }) => offset),
      inOrder.slice(at + 1, at + 101).map(({ offset }) => offset),
    )
    t.ok(readBytes <= size / 6, `${readBytes} of ${size}`)
  }
  rig.add(500, 1_000_000)
  await rig.flush()
  const { entries, readBytes } = await page(rig, map, { dueAtMs: SECOND * 1000 + 500, offset: 999_999 }, 1)
  t.equal(entries[0].offset, 1_000_000, 'what was written since')
  t.ok(readBytes <= size / 6)
})

t.test('a page ends with its bytes, and an entry larger than that is a page', async (t) => {
  const rig = new SlotRig()
  t.teardown(() => rig.close())
  for (const [offset, size] of [10, 400 * KIB, 10, 3 * MIB, 10].entries()) rig.add(offset, offset, size)
  await rig.flush()
  const map = new SlotMap(SECOND, 0)
  const pages: number[][] = []
  for (let after: Place | undefined = { dueAtMs: 0, offset: -1 }; after !== undefined; ) {
    const { entries, upTo } = await page(rig, map, after, 10, 300 * KIB)
    pages.push(entries.map(({ offset }) => offset))
    after = upTo
  }
  t.strictSame(pages, [[0], [1], [2], [3], [4]])
})

t.test('withdrawals are no messages, and what is for another topic is passed over', async (t) => {
  const rig = new SlotRig()
  t.teardown(() => rig.close())
  rig.add(1, 1)
  rig.withdraw(1, 1, 2)
  const other = message(2)
  other.writeUInt32BE(2, 14)
  rig.slots.add(SECOND * 1000 + 2, 3, other)
  rig.add(2, 4)
  await rig.flush()
  const { entries } = await page(rig, new SlotMap(SECOND, 0), { dueAtMs: 0, offset: -1 }, 10)
  t.strictSame(
    entries.map(({ offset }) => offset),
    [1, 4],
    'whether one was withdrawn is not asked here: see listing.ts',
  )
})

t.test('damage in what is answered is an error, never an answer', async (t) => {
  const { rig } = await filled(t, 1, 100, 100)
  const whole = readFileSync(rig.path)
  const first = { dueAtMs: 0, offset: -1 }
  const damages: [what: string, make: () => void][] = [
    ['a byte of a message is flipped', () => writeFileSync(rig.path, flipped(whole, whole.length - 5))],
    ['a size is wrong', () => writeFileSync(rig.path, flipped(whole, 6 + 2))],
    ['it is of another second', () => writeFileSync(rig.path, flipped(whole, 6 + 8 + 4))],
    ['it is no slot', () => writeFileSync(rig.path, flipped(whole, 0))],
    ['its end is missing', () => truncateSync(rig.path, whole.length - 1)],
  ]
  for (const [what, make] of damages) {
    writeFileSync(rig.path, whole)
    make()
    await t.rejects(page(rig, new SlotMap(SECOND, 0), first, 1_000), { code: 'SLOT_DAMAGED' }, what)
  }
})

function flipped(bytes: Buffer, position: number): Buffer {
  const damaged = Buffer.from(bytes)
  damaged[position] ^= 0x40
  return damaged
}
