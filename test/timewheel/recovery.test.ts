import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Log, SILENT, SystemDisk } from '../../storage/index.ts'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../../timewheel/checkpoint/checkpoint.ts'
import { checkpointPath, syncedPath } from '../../timewheel/checkpoint/checkpoint-files.ts'
import {
  DECISIONS,
  decide,
  type Findings,
  type Look,
  recover,
  STANDINGS,
  standingOf,
} from '../../timewheel/checkpoint/recovery.ts'
import { writeSynced } from '../../timewheel/checkpoint/synced-file.ts'
import { FIRST_MARK } from '../../timewheel/mark.ts'
import { Overflow } from '../../timewheel/overflow.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { WheelRig } from '../support/wheel.ts'

const FINE: Findings = { overflowOlder: false, overflowNeeded: true, checkpoint: 'good', synced: 'good' }
const FINE_LOOK: Look = {
  file: 'whole',
  delayShorter: false,
  census: true,
  delayThere: true,
  slotsTrusted: true,
  slotFilesThere: true,
}

const CHECKPOINT: Checkpoint = {
  bootId: 'boot-1',
  consumed: 12,
  moved: { dueAtMs: 5_000, offset: -1 },
  overflowSequence: 0,
  overflowCount: 3,
  overflowLastDueAtMs: 9_000_000,
  nowMs: 4_999,
  slots: [
    { second: 7, count: 2, fileSize: 100 },
    { second: 8, count: 1, fileSize: 0 },
  ],
  stretches: [{ fromOffset: 4, neededUntilMs: 8_000 }],
  census: Buffer.from('census'),
}

t.test('every row of the table of one checkpoint says what it is', (t) => {
  const rest = { census: false, delayThere: false, slotsTrusted: false, slotFilesThere: false }
  const cases: Partial<Look>[] = [
    { ...rest, file: 'none' },
    { ...rest, file: 'damaged' },
    { ...rest, delayShorter: true },
    rest,
    { ...rest, census: true },
    { slotsTrusted: false, slotFilesThere: false },
    { slotFilesThere: false },
    {},
  ]
  t.equal(cases.length, STANDINGS.length)
  for (const [i, look] of cases.entries()) t.equal(standingOf({ ...FINE_LOOK, ...look }), STANDINGS[i].standing)
  t.end()
})

t.test('every row of the decision table decides', (t) => {
  const cases: [Partial<Findings>, string][] = [
    [{ overflowOlder: true }, 'refuse'],
    [{ checkpoint: 'of a log that has lost its end' }, 'derive'],
    [{ checkpoint: 'without a census' }, 'derive'],
    [{}, 'go on'],
    [{ checkpoint: 'of another boot' }, 'go on from the synced one'],
    [{ checkpoint: 'none', synced: 'none' }, 'derive'],
    [{ checkpoint: 'damaged', synced: 'damaged' }, 'derive'],
    [{ checkpoint: 'older', synced: 'older' }, 'derive'],
    [{ checkpoint: 'of another boot', synced: 'without its slots' }, 'derive'],
    [{ checkpoint: 'without its slots', synced: 'none' }, 'derive'],
  ]
  t.equal(cases.length, DECISIONS.length)
  for (const [i, [findings, decision]] of cases.entries()) {
    t.same(decide({ ...FINE, ...findings }), { decision, because: DECISIONS[i].because, when: DECISIONS[i].when })
  }
  t.equal(decide({ ...FINE, overflowOlder: true, overflowNeeded: false }).decision, 'go on')
  t.equal(decide({ ...FINE, checkpoint: 'none', overflowOlder: true }).decision, 'refuse')
  t.equal(decide({ ...FINE, checkpoint: 'damaged' }).decision, 'go on from the synced one')
  t.end()
})

/** A folder of a wheel; slots and checkpoints are put into it as bytes. */
async function folder(t: Test) {
  const disk = new SystemDisk()
  const directory = mkdtempSync(join(tmpdir(), 'dwell-recovery-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  await disk.makeDirectory(join(directory, 'slots'))
  return {
    disk,
    directory,
    find: (bootId = 'boot-1', delayLogStart = 0, delayEnd = 100, log: Log = SILENT) =>
      recover({
        disk,
        log,
        directory,
        overflow: new Overflow(new MemoryStore()),
        mark: FIRST_MARK,
        delayLogStart,
        delayEnd,
        bootId,
      }),
    write: (checkpoint: Partial<Checkpoint>) =>
      writeCheckpoint(disk, checkpointPath(directory), { ...CHECKPOINT, ...checkpoint }),
    sync: (checkpoint: Partial<Checkpoint>, tails = new Map<number, Buffer>()) =>
      writeSynced(disk, syncedPath(directory), { checkpoint: { ...CHECKPOINT, ...checkpoint }, tails }),
    slot: (second: number, size: number) =>
      writeFileSync(join(directory, 'slots', `${second}.slot`), Buffer.alloc(size)),
    damage: (path: string) => {
      const bytes = readFileSync(path)
      bytes[20] ^= 0xff
      writeFileSync(path, bytes)
    },
  }
}

t.test('what is found on disk leads to the decision', async (t) => {
  const { directory, find, write, slot, damage } = await folder(t)
  t.match(await find(), { checkpoint: undefined, because: 'there is no checkpoint' })
  await t.rejects(find('boot-1', 5), { code: 'OVERFLOW_LOST', message: /due later than 1970/ })

  const found = async (...place: Parameters<typeof find>) => {
    await write({})
    return find(...place)
  }
  t.match(await found(), { because: 'slot files are missing or too short' })
  slot(7, 99)
  t.match(await found(), { because: 'slot files are missing or too short' })
  slot(7, 100)
  t.same(await found(), { checkpoint: CHECKPOINT, synced: undefined, because: 'everything is there' })
  t.match(await found('boot-1', 13), { checkpoint: undefined, because: 'the checkpoint is an older one' })
  t.match(await found('boot-1', 0, 11), { checkpoint: undefined, because: 'the log has lost its end' })
  t.match(await found('boot-2'), { checkpoint: undefined, because: 'the machine was booted since' })
  t.match(await found(''), { checkpoint: undefined })

  await write({ overflowSequence: 4 })
  await t.rejects(find(), { code: 'OVERFLOW_LOST', message: /between .* and 1970-01-01T02:30:00.000Z may be missing/ })

  damage(checkpointPath(directory))
  t.match(await find(), { because: 'the checkpoint is damaged' })
  t.ok(existsSync(`${checkpointPath(directory)}.damaged`), 'set aside')
})

t.test('after another boot a start goes on from the synced checkpoint', async (t) => {
  const { directory, find, write, sync, slot, damage } = await folder(t)
  const SYNCED = { ...CHECKPOINT, consumed: 9, bootId: 'boot-0' }
  const IN_FILE = { checkpoint: SYNCED, tails: new Map([[7, Buffer.alloc(100, 'tail')]]) }
  const ON_SYNCED = { checkpoint: SYNCED, synced: IN_FILE, because: 'what was synced is there' }
  slot(7, 100)
  await write({})
  await sync(SYNCED, IN_FILE.tails)
  t.same(await find(), { checkpoint: CHECKPOINT, synced: IN_FILE, because: 'everything is there' })
  t.ok(readFileSync(join(directory, 'slots', '7.slot')).equals(Buffer.alloc(100)), 'and leaves the slots as they are')
  t.same(await find('boot-2'), ON_SYNCED)
  const slotFile = readFileSync(join(directory, 'slots', '7.slot'))
  t.ok(slotFile.equals(Buffer.alloc(100, 'tail')), 'and puts back what was in the last sector of a slot')
  t.same(await find(''), ON_SYNCED, 'and where a system does not name its boots')
  t.equal((await readCheckpoint(new SystemDisk(), checkpointPath(directory)))?.bootId, 'boot-1', 'it changes nothing')

  t.match(await find('boot-2', 9), ON_SYNCED, 'as long as __delay begins there')
  damage(checkpointPath(directory))
  t.same(await find(), ON_SYNCED)
  damage(syncedPath(directory))
  t.match(await find(), { checkpoint: undefined, synced: undefined })
  t.ok(existsSync(`${syncedPath(directory)}.damaged`), 'set aside')
})

t.test('what is not gone on from is worthless before a slot file is written', async (t) => {
  const { directory, find, write, sync, slot } = await folder(t)
  slot(7, 50)
  await write({})
  await sync({ consumed: 9, slots: [{ second: 7, count: 1, fileSize: 50 }] })
  t.match(await find(), { checkpoint: { consumed: 9 }, because: 'what was synced is there' })
  slot(7, 200)
  t.match(await find(), { checkpoint: { consumed: 9 } }, 'though the file is as long now as the checkpoint said')

  slot(7, 10)
  t.match(await find(), { checkpoint: undefined, synced: undefined })
  t.notOk(existsSync(syncedPath(directory)))
  slot(7, 200)
  t.match(await find(), { checkpoint: undefined })
})

t.test('beside a checkpoint that is damaged the synced one tells that the log has lost its end', async (t) => {
  const { disk, directory, find } = await folder(t)
  writeFileSync(checkpointPath(directory), 'damaged')
  await writeSynced(disk, syncedPath(directory), { checkpoint: CHECKPOINT, tails: new Map() })
  const errors: unknown[] = []
  const { checkpoint } = await find('boot-1', 0, 5, { ...SILENT, error: (fields: object) => void errors.push(fields) })
  t.equal(checkpoint, undefined)
  t.match(errors.at(-1), { fromOffset: 5, lastOffset: 11 })
})

t.test('a checkpoint is read as it was written', async (t) => {
  const { disk, directory } = await folder(t)
  const path = join(directory, 'checkpoint')
  t.equal(await readCheckpoint(disk, path), undefined)
  await writeCheckpoint(disk, path, CHECKPOINT)
  t.same(await readCheckpoint(disk, path), CHECKPOINT)
})

t.test('rows are missed though they came again, or were found, since they were written', async (t) => {
  for (const since of ['derived', 'consumed again']) {
    const rig = new WheelRig()
    t.teardown(() => rig.close().catch(() => {}))
    const path = checkpointPath(rig.directory)
    const checkpoint = async () => {
      const written = rig.wheel.checkpoint()
      while ((await Promise.race([written, rig.rest(10).then(() => 'waiting')])) === 'waiting');
      await rig.wheel.stop()
      return (await readCheckpoint(rig.disk, path)) as Checkpoint
    }
    await rig.start()
    // The first keeps __delay.
    await rig.publish([{ dueAtMs: rig.startMs + 3_600_000, text: 'near' }])
    await rig.publish([{ dueAtMs: rig.startMs + 100 * 86_400_000, text: 'far' }])
    const written = await checkpoint()
    if (since === 'derived') rmSync(path)
    else await writeCheckpoint(rig.disk, path, { ...written, consumed: 1, overflowLastDueAtMs: 0 })
    await rig.start()
    await checkpoint()
    rig.overflow = new MemoryStore()
    await t.rejects(rig.start(), { code: 'OVERFLOW_LOST' }, since)
  }
})
