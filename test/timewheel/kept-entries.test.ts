import t from 'tap'
import { decodeRecordBody, encodeRecordBody, wrong } from '../../storage/index.ts'
import { cancelledEnvelope, MOVED, movedEnvelope, withdrawalOf } from '../../timewheel/entry/entry.ts'
import { messageBody } from '../../timewheel/entry/entry-body.ts'
import { keptEntries } from '../../timewheel/index.ts'
import { ChunkPool } from '../../timewheel/slot/chunk-pool.ts'
import { Slot } from '../../timewheel/slot/slot.ts'
import { DATA, SimulatedDisk } from '../storage/simulated-disk.ts'
import { written } from '../support/written.ts'

t.test('a moved message that __delay has lost is found where it waits, not where it was taken away', async (t) => {
  const disk = new SimulatedDisk()
  const slots = `${DATA}/wheel/slots`
  await disk.makeDirectory(slots)
  const from = { dueAtMs: 9_000_500, offset: 4 }
  const body = encodeRecordBody(null, Buffer.from('text'), [])
  const record = messageBody({ topic: 'orders', dueAtMs: from.dueAtMs, body, fillId: false }, 17)
  const moved = movedEnvelope(from, decodeRecordBody(written(record)).value as Buffer, 5_000_100)
  // The slot that it was moved from is read before the one it waits in, and after it.
  for (const [second, envelope] of [
    [9_000, withdrawalOf(moved)],
    [5_000, moved],
  ] as const) {
    const slot = new Slot(second, new ChunkPool())
    slot.add(second * 1000 + 500, 7, envelope)
    slot.add(second * 1000 + 500, 8, cancelledEnvelope({ dueAtMs: second * 1000 + 500, offset: 3 }, 17))
    slot.seal()
    await slot.write(disk, slots, Buffer.alloc(4096))
  }
  const gone = wrong('batch-damaged', '', '', { partition: '__delay-0', offset: 6, lastOffset: 8, meaning: '', acknowledged: true }) // biome-ignore format: one call
  for (const list of [(names: string[]) => names.sort(), (names: string[]) => names.sort().reverse()]) {
    const inOrder = Object.assign(Object.create(disk), {
      open: disk.open.bind(disk),
      list: async (path: string) => list(await disk.list(path)),
    })
    const kept = await keptEntries(inOrder, DATA, [gone])
    t.same([...kept.keys()].sort(), [7, 8])
    t.equal((decodeRecordBody(kept.get(7)?.body as Buffer).value as Buffer)[0], MOVED)
  }
})
