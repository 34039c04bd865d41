import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { decodeRecordBody, SystemDisk } from '../../storage/index.ts'
import { ChunkPool } from '../../timewheel/chunk-pool.ts'
import { cancelBody, messageBody } from '../../timewheel/entry.ts'
import { BEGINNING } from '../../timewheel/place.ts'
import { Slot } from '../../timewheel/slot.ts'
import { collectUnwritten, PieceCollector, readSlotFile } from '../../timewheel/slot-reader.ts'
import { written } from '../support/written.ts'

const SECOND = 1_800_000_000
const disk = new SystemDisk()

function message(ms: number, size = 10): Buffer {
  const record = { topic: 'orders', dueAtMs: SECOND * 1000 + ms, body: Buffer.alloc(size, 'x'), fillId: false }
  return decodeRecordBody(written(messageBody(record, 1))).value as Buffer
}

function cancelOf(offset: number, ms: number): Buffer {
  return decodeRecordBody(written(cancelBody({ dueAtMs: SECOND * 1000 + ms, offset }))).value as Buffer
}

async function read(slot: Slot, directory: string, after = BEGINNING, budgetBytes = 1e9) {
  const collector = new PieceCollector(after, budgetBytes)
  const file = await disk.open(join(directory, slot.name), 'read')
  try {
    await readSlotFile(file, SECOND, slot.fileSize, collector)
  } finally {
    await file.close()
  }
  return collector.finish()
}

t.test(
  'what is added, in memory or in the file, is read in the order of firing, without doubles and cancelled ones',
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dwell-slot-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    const slot = new Slot(SECOND, new ChunkPool())
    slot.add(SECOND * 1000 + 5, 10, message(5))
    slot.add(SECOND * 1000 + 3, 11, message(3))
    slot.seal()
    t.ok(slot.writing)
    t.ok((await slot.write(disk, directory, Buffer.alloc(8192))) > 0)
    t.notOk(slot.writing)
    slot.add(SECOND * 1000 + 3, 12, message(3))
    slot.add(SECOND * 1000 + 3, 11, message(3))
    slot.add(SECOND * 1000 + 5, 13, cancelOf(10, 5))
    slot.seal()
    await slot.write(disk, directory, Buffer.alloc(8192))
    t.equal(await disk.size(join(directory, slot.name)), slot.fileSize)
    const { entries, upTo, cancelled } = await read(slot, directory)
    t.same(
      entries.map(({ offset }) => offset),
      [11, 12],
    )
    t.same(upTo, undefined)
    t.same([...cancelled], [10])
    slot.add(SECOND * 1000 + 1, 14, message(1))
    const collector = new PieceCollector(BEGINNING, 1e9)
    collectUnwritten(slot.takeUnsealed(), SECOND, collector)
    t.same(
      collector.finish().entries.map(({ offset }) => offset),
      [14],
    )
  },
)

t.test('pieces within a budget cover the slot once, in order, whatever the order in the file', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-slot-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const slot = new Slot(SECOND, new ChunkPool())
  for (let i = 0; i < 3_000; i++) slot.add(SECOND * 1000 + ((i * 7919) % 1000), i, message((i * 7919) % 1000, 1_000))
  slot.seal()
  await slot.write(disk, directory, Buffer.alloc(8192))
  const seen: number[] = []
  let after = BEGINNING
  let pieces = 0
  for (;;) {
    const { entries, upTo } = await read(slot, directory, after, 200_000)
    seen.push(...entries.map(({ dueAtMs, offset }) => (dueAtMs - SECOND * 1000) * 10_000 + offset))
    t.ok(entries.length < 200)
    pieces++
    if (upTo === undefined) break
    after = upTo
  }
  t.equal(seen.length, 3_000)
  t.same(
    seen,
    seen.toSorted((a, b) => a - b),
  )
  t.ok(pieces > 15)
})

t.test('D15: every single damaged byte of a slot file is noticed', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-slot-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const slot = new Slot(SECOND, new ChunkPool())
  for (let i = 0; i < 4; i++) slot.add(SECOND * 1000 + i, i, message(i))
  slot.seal()
  await slot.write(disk, directory, Buffer.alloc(8192))
  const path = join(directory, slot.name)
  const file = await disk.open(path, 'write')
  t.teardown(() => file.close())
  const whole = Buffer.alloc(slot.fileSize)
  await file.read(whole, 0)
  for (let position = 0; position < whole.length; position++) {
    await file.write(Buffer.from([whole[position] ^ 0x10]), position)
    await t.rejects(read(slot, directory), { code: 'SLOT_DAMAGED' }, `byte ${position}`)
    await file.write(whole.subarray(position, position + 1), position)
  }
  await file.truncate(whole.length - 1)
  await t.rejects(read(slot, directory), { code: 'SLOT_DAMAGED' }, 'too short')
})
