import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { decodeRecordBody, SystemDisk } from '../../storage/index.ts'
import { decodeMessage } from '../../timewheel/entry/entry.ts'
import { messageBody } from '../../timewheel/entry/entry-body.ts'
import { BEGINNING, ID_PLACEHOLDER, messageId } from '../../timewheel/entry/place.ts'
import { written } from '../support/written.ts'
import { placesOf, SECOND, SlotRig, type SlotRigOptions } from './slot-rig.ts'

const disk = new SystemDisk()

function rigFor(t: { teardown(task: () => unknown): void }, options: SlotRigOptions = {}): SlotRig {
  const rig = new SlotRig(options)
  t.teardown(() => rig.close())
  return rig
}

t.test(
  'what is added, in memory or in the file, is read in the order of firing, without doubles and withdrawn ones',
  async (t) => {
    const rig = rigFor(t)
    rig.add(5, 10)
    rig.add(3, 11)
    rig.slot.seal()
    t.ok(rig.slot.writing)
    await rig.flush()
    t.notOk(rig.slot.writing)
    t.equal(rig.slots.memoryBytes, 0)
    rig.add(3, 12)
    rig.add(3, 11)
    rig.withdraw(5, 10, 13)
    await rig.flush()
    t.equal(await disk.size(rig.path), rig.slot.fileSize)
    rig.add(1, 14)
    rig.add(7, 15)
    rig.withdraw(3, 12, 16)
    const { entries } = await rig.readAll()
    t.same(placesOf(entries), ['1:14', '3:11', '7:15'])
    t.same(
      entries.map(({ stored }) => stored),
      [false, true, false],
    )
    t.equal(rig.slots.memoryBytes, 4096, 'the withdrawal stays in the slot')
  },
)

t.test('a slot without a file is taken from memory as one piece', async (t) => {
  const rig = rigFor(t)
  for (const offset of [4, 2, 3]) rig.add(offset, offset)
  t.ok(rig.reader().isPrepared)
  const { entries, pieces } = await rig.readAll()
  t.same(placesOf(entries), ['2:2', '3:3', '4:4'])
  t.equal(pieces, 1)
  t.equal(rig.slots.memoryBytes, 0)
})

t.test('what is written to a hot slot lies in order in its file', async (t) => {
  const rig = rigFor(t, { readBytes: 16_000 })
  for (let i = 0; i < 40; i++) rig.add((i * 7) % 40, i, 30)
  rig.withdraw(21, 3, 40)
  await rig.flush()
  const file = await disk.open(rig.path, 'read')
  t.teardown(() => file.close())
  const bytes = Buffer.alloc(rig.slot.fileSize)
  await file.read(bytes, 0)
  const offsets: number[] = []
  for (let at = 6; at < bytes.length; at += 8 + bytes.readUInt32BE(at)) offsets.push(bytes.readUInt32BE(at + 20))
  const expected = Array.from({ length: 40 }, (_, i) => i).sort((a, b) => ((a * 7) % 40) - ((b * 7) % 40))
  t.same(offsets, expected.toSpliced(expected.indexOf(3), 0, 40), 'the withdrawal just before its target')
})

t.test('what a checkpoint counts of a hot slot is what was in it then, though more is written with it', async (t) => {
  const rig = rigFor(t, { readBytes: 16_000 })
  for (let i = 0; i < 40; i++) rig.add(500, i, 30)
  rig.slot.seal()
  const { fileSize } = rig.slot
  for (let i = 40; i < 80; i++) rig.add(100, i, 40)
  await rig.flush()
  rig.slots.restore(SECOND, fileSize)
  const { entries } = await rig.readAll()
  t.same(
    placesOf(entries),
    Array.from({ length: 40 }, (_, i) => `500:${i}`),
  )
})

t.test('D15: every single damaged byte of a slot file is noticed', async (t) => {
  const rig = rigFor(t)
  for (let i = 0; i < 4; i++) rig.add(i, i)
  await rig.flush()
  const file = await disk.open(rig.path, 'write')
  t.teardown(() => file.close())
  const whole = Buffer.alloc(rig.slot.fileSize)
  await file.read(whole, 0)
  for (let position = 0; position < whole.length; position++) {
    await file.write(Buffer.from([whole[position] ^ 0x10]), position)
    await t.rejects(rig.readAll(), { code: 'SLOT_DAMAGED' }, `byte ${position}`)
    await file.write(whole.subarray(position, position + 1), position)
  }
  await file.truncate(whole.length - 1)
  await t.rejects(rig.readAll(), { code: 'SLOT_DAMAGED' }, 'too short')
})

t.test('a slot that is begun anew goes on behind what its file held', async (t) => {
  const rig = rigFor(t)
  for (let i = 0; i < 4; i++) rig.add(i, i)
  await rig.flush()
  const { fileSize } = rig.slot
  const before = Buffer.alloc(fileSize)
  const file = await disk.open(rig.path, 'read')
  t.teardown(() => file.close())
  await file.read(before, 0)
  rig.slots.startAnew(rig.slot)
  t.same(placesOf((await rig.readAll()).entries), [])
  rig.add(8, 8)
  await rig.flush()
  t.ok(rig.slot.fileSize > fileSize)
  t.same(placesOf((await rig.readAll()).entries), ['8:8'])
  const after = Buffer.alloc(fileSize)
  await file.read(after, 0)
  t.ok(before.equals(after), 'not a byte of it changed')
})

t.test('take() goes on behind what was taken', async (t) => {
  const rig = rigFor(t)
  for (let i = 0; i < 10; i++) rig.add(i, i)
  await rig.flush()
  const reader = rig.reader()
  t.teardown(() => reader.close())
  while (!reader.isPrepared) await reader.prepare()
  const [first] = reader.take(BEGINNING).entries.slice(4)
  const again = rig.reader()
  t.teardown(() => again.close())
  while (!again.isPrepared) await again.prepare()
  t.same(placesOf(again.take(first).entries), ['5:5', '6:6', '7:7', '8:8', '9:9'])
})

t.test('a start deletes what an earlier run left: slots that nobody knows, and what was put in order', async (t) => {
  const rig = rigFor(t)
  rig.add(1, 1)
  await rig.flush()
  for (const name of [`${SECOND}.sorted`, `${SECOND + 1}.slot`, 'note.txt'])
    writeFileSync(join(rig.directory, name), '')
  await rig.slots.deleteOthers()
  t.same(readdirSync(rig.directory).sort(), [`${SECOND}.slot`, 'note.txt'])
})

t.test(
  'a file that is gone while its handle is still open is noticed when it has grown, and not read again',
  async (t) => {
    const rig = rigFor(t, { readBytes: 64_000 })
    for (let i = 0; i < 200; i++) rig.add(i, i, 100)
    await rig.flush()
    const reader = rig.reader()
    while (!reader.isPrepared) await reader.prepare()
    const first = reader.take(BEGINNING)
    rmSync(rig.path)
    for (let i = 200; i < 400; i++) rig.add(i, i, 100)
    await rig.flush()
    await t.rejects(reader.prepare(), { code: 'SLOT_DAMAGED' })
    t.ok(first.entries.length > 0)
    await reader.close()
  },
)

t.test('a message is decoded without a byte of it being changed: it may lie in a slot, under a checksum', (t) => {
  const record = { topic: 'orders', dueAtMs: SECOND * 1000, body: ID_PLACEHOLDER, fillId: true }
  const envelope = decodeRecordBody(written(messageBody(record, 1))).value as Buffer
  const before = Buffer.from(envelope)
  t.same(String(decodeMessage(envelope, 7).body), messageId({ dueAtMs: SECOND * 1000, offset: 7 }))
  t.ok(envelope.equals(before))
  t.end()
})
