import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { SILENT, SystemDisk } from '../../storage/index.ts'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../../timewheel/checkpoint.ts'
import { FIRST_MARK } from '../../timewheel/mark.ts'
import { Overflow } from '../../timewheel/overflow.ts'
import { DECISIONS, decide, type Findings, recover } from '../../timewheel/recovery.ts'
import { MemoryStore } from '../support/memory-store.ts'

const FINE: Findings = {
  checkpoint: 'whole',
  overflowOlder: false,
  overflowNeeded: true,
  delayThere: true,
  delayShorter: false,
  sameBoot: true,
  slotFilesThere: true,
}

const CHECKPOINT: Checkpoint = {
  bootId: 'boot-1',
  consumed: 12,
  moved: { dueAtMs: 5_000, offset: -1 },
  overflowSequence: 0,
  overflowCount: 3,
  overflowLastDueAtMs: 9_000_000,
  slots: [
    { second: 7, count: 2, fileSize: 100 },
    { second: 8, count: 1, fileSize: 0 },
  ],
  stretches: [{ fromOffset: 4, neededUntilMs: 8_000 }],
}

t.test('every row of the decision table decides', async (t) => {
  const cases: [Partial<Findings>, string][] = [
    [{ overflowOlder: true }, 'refuse'],
    [{ checkpoint: 'none', delayThere: false, sameBoot: false, slotFilesThere: false }, 'derive'],
    [{ checkpoint: 'damaged', delayThere: false, sameBoot: false, slotFilesThere: false }, 'derive'],
    [{ delayThere: false }, 'derive'],
    [{ delayShorter: true }, 'derive'],
    [{ sameBoot: false }, 'derive'],
    [{ slotFilesThere: false }, 'derive'],
    [{}, 'go on'],
  ]
  t.equal(cases.length, DECISIONS.length)
  for (const [i, [findings, decision]] of cases.entries()) {
    t.same(decide({ ...FINE, ...findings }), { decision, because: DECISIONS[i].because, when: DECISIONS[i].when })
  }
  t.equal(decide({ ...FINE, overflowOlder: true, overflowNeeded: false }).decision, 'go on')
  t.equal(decide({ ...FINE, checkpoint: 'none', overflowOlder: true }).decision, 'refuse')
})

t.test('what is found on disk leads to the decision', async (t) => {
  const disk = new SystemDisk()
  const directory = mkdtempSync(join(tmpdir(), 'dwell-recovery-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const checkpointPath = join(directory, 'checkpoint')
  const find = (bootId = 'boot-1', delayLogStart = 0, delayEnd = 100) =>
    recover({
      disk,
      log: SILENT,
      checkpointPath,
      slotsDirectory: directory,
      overflow: new Overflow(new MemoryStore()),
      mark: FIRST_MARK,
      delayLogStart,
      delayEnd,
      bootId,
    })
  t.match(await find(), { checkpoint: undefined, because: 'there is no checkpoint' })
  await t.rejects(find('boot-1', 5), { code: 'OVERFLOW_LOST', message: /due later than 1970/ })

  await writeCheckpoint(disk, checkpointPath, CHECKPOINT)
  t.match(await find(), { because: 'slot files are missing or too short' })
  const file = await disk.open(join(directory, '7.slot'), 'write')
  await file.write(Buffer.alloc(99), 0)
  t.match(await find(), { because: 'slot files are missing or too short' })
  await file.write(Buffer.alloc(100), 0)
  t.same(await find(), { checkpoint: CHECKPOINT, because: 'everything is there' })
  t.match(await find('boot-1', 13), { checkpoint: undefined, because: 'the checkpoint is an older one' })
  t.match(await find('boot-1', 0, 11), { checkpoint: undefined, because: 'the log has lost its end' })
  t.match(await find('boot-2'), { checkpoint: undefined, because: 'the machine was booted since' })
  t.match(await find(''), { checkpoint: undefined })

  await writeCheckpoint(disk, checkpointPath, { ...CHECKPOINT, overflowSequence: 4 })
  await t.rejects(find(), { code: 'OVERFLOW_LOST', message: /between .* and 1970-01-01T02:30:00.000Z may be missing/ })

  const damaged = await disk.open(checkpointPath, 'write')
  await damaged.write(Buffer.from([0xff]), 20)
  await damaged.close()
  await file.close()
  t.match(await find(), { because: 'the checkpoint is damaged' })
  t.ok(await disk.size(`${checkpointPath}.damaged`), 'set aside')
})

t.test('a checkpoint is read as it was written', async (t) => {
  const disk = new SystemDisk()
  const directory = mkdtempSync(join(tmpdir(), 'dwell-checkpoint-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'checkpoint')
  t.equal(await readCheckpoint(disk, path), undefined)
  await writeCheckpoint(disk, path, CHECKPOINT)
  t.same(await readCheckpoint(disk, path), CHECKPOINT)
})
