// Mutants: each breaks one promise by a small change of the source, and says what must notice it, and as what. The text to
// replace must stand in its file exactly once, so a mutant that no longer fits is found out.

import { DELIVERY_MUTANTS } from './delivery-mutants.ts'

/** So many seeds of the simulation, from the first on, in one of its worlds; or a test file. */
export type Finder = { seeds: number; world: 'wheel' | 'delivery' } | { test: string }

export interface Mutant {
  name: string
  /** What is broken. */
  breaks: string
  changes: { file: string; from: string; to: string }[]
  noticedBy: Finder
  /** What the finder must complain of: its sentence, or the name of its test. */
  shows: RegExp
}

/** 1 and 18: lost, or neither pending nor anywhere. */
const LOST = /^(1|18): /
/** 1 or 7, or what was acknowledged is missing so plainly that the log refuses to open. */
const LOG_LOST = /^[17]: |the log does not open/
const DOUBLED = /^2: /

/** Enough for the rarest of what it has to find; it ends at the first seed that finds something. */
const SIMULATION: Finder = { seeds: 300, world: 'wheel' }

export const MUTANTS: Mutant[] = [
  {
    name: 'no-sync',
    breaks: 'the journal is written and not synced',
    changes: [
      {
        file: 'storage/journal/journal-files.ts',
        from: `const file = await this.#options.disk.open(path, 'write-through')`,
        to: `const file = await this.#options.disk.open(path, 'write')`,
      },
      {
        file: 'storage/journal/journal-files.ts',
        from: `const file = await disk.open(from, old === undefined ? 'write' : 'write-through')`,
        to: `const file = await disk.open(from, 'write')`,
      },
      {
        // The file itself stays whole: only its frames are not synced.
        file: 'storage/journal/journal-files.ts',
        from: 'if (old === undefined) await file.sync()',
        to: 'await file.sync()',
      },
    ],
    noticedBy: SIMULATION,
    shows: LOG_LOST,
  },
  {
    name: 'answer-before-sync',
    breaks: 'an append is answered while its frame is still being written',
    changes: [
      {
        file: 'storage/log/group-commit.ts',
        from: 'await journal.write(encoded.bytes, encoded.size, group.parts.length)',
        to: `const written = journal.write(encoded.bytes, encoded.size, group.parts.length)
      group.resolve()
      await written`,
      },
    ],
    noticedBy: SIMULATION,
    shows: LOST,
  },
  {
    name: 'mark-apart',
    breaks: 'the mark is not in the same append as the records that it dispatches',
    changes: [
      {
        file: 'timewheel/dispatcher.ts',
        from: 'await engine.append([...appends, ...added, { topic: MARK_TOPIC, partition: 0, records: markRecords }])',
        to: `const given = await engine.append([...appends, ...added])
    await engine.append([{ topic: MARK_TOPIC, partition: 0, records: markRecords(given) }])`,
      },
    ],
    noticedBy: SIMULATION,
    shows: DOUBLED,
  },
  {
    name: 'hand-before',
    breaks: 'what stands exactly at the hand counts as not dispatched',
    changes: [
      {
        file: 'timewheel/mark.ts',
        from: 'comparePlaces(place, mark.hand) <= 0',
        to: 'comparePlaces(place, mark.hand) < 0',
      },
    ],
    noticedBy: SIMULATION,
    shows: DOUBLED,
  },
  {
    name: 'consumed-early',
    breaks: 'the mark says that an entry is consumed before it is stored anywhere',
    changes: [
      {
        file: 'timewheel/wheel.ts',
        from: 'const consumed = pending.settledUpTo(this.#consumption.consumed)',
        to: 'const consumed = this.#consumption.highWatermark',
      },
    ],
    noticedBy: SIMULATION,
    shows: LOST,
  },
  {
    name: 'slot-deleted-early',
    breaks: 'a slot is deleted one second before its own is over',
    changes: [
      {
        file: 'timewheel/checkpoint/checkpointer.ts',
        from: 'await slots.deleteBefore(keptFrom)',
        to: 'await slots.deleteBefore(keptFrom + 1)',
      },
    ],
    noticedBy: SIMULATION,
    shows: LOST,
  },
  {
    name: 'change-decided-blindly',
    breaks: 'a change is decided without looking whether its message is being dispatched',
    changes: [
      {
        file: 'timewheel/changes.ts',
        from: `pending.overflow.fateOf(target) === undefined ? pending.standingOf(target, nowMs) : 'gone'`,
        to: `pending.overflow.fateOf(target) === undefined ? 'waiting' : 'gone'`,
      },
    ],
    noticedBy: SIMULATION,
    shows: /^(15|2): /,
  },
  {
    name: 'cancel-before-append',
    breaks: 'a cancel is answered before the fact of it is appended',
    changes: [
      {
        file: 'timewheel/changes.ts',
        from: 'const [base] = await engine.append(changed === undefined ? [facts] : [facts, changed])',
        to: `for (const { target, state, done } of decided) if (state === 'cancelled') done.resolve({ state, place: target })
    const [base] = await engine.append(changed === undefined ? [facts] : [facts, changed])`,
      },
    ],
    noticedBy: SIMULATION,
    shows: /^(15|17): /,
  },
  {
    name: 'moved-not-withdrawn',
    breaks: 'a message that is moved stays where it was as well',
    changes: [
      {
        file: 'timewheel/changes.ts',
        from: 'pending.withdraw(target, base + i, topicId, recordBytes)',
        to: `if (state === 'cancelled') pending.withdraw(target, base + i, topicId, recordBytes)`,
      },
    ],
    noticedBy: SIMULATION,
    shows: /^(2|3): /,
  },
  {
    name: 'moved-not-inserted',
    breaks: 'a message that is moved is taken away and put nowhere',
    changes: [
      {
        file: 'timewheel/consumption.ts',
        from: '    if (isMoved) this.#add(place, envelope)\n',
        to: '',
      },
    ],
    noticedBy: SIMULATION,
    shows: /^(1|16|18): /,
  },
  {
    name: 'fact-counted-twice',
    breaks: 'a fact that was applied is taken from the counts again when it is consumed',
    changes: [
      {
        file: 'timewheel/consumption.ts',
        from: 'if (!this.#applied.delete(offset)) {',
        to: `if (this.#applied.delete(offset)) this.#pending.census.remove(target.dueAtMs, topicIdOf(envelope), 0)
    else {`,
      },
    ],
    noticedBy: SIMULATION,
    shows: /^20: /,
  },
  {
    name: 'synced-before-files',
    breaks: 'the synced checkpoint is written before the slot files that it names are synced',
    changes: [
      {
        file: 'timewheel/checkpoint/synced-checkpoint.ts',
        from: 'await syncAndClose(opened.file, slot)',
        to: 'await opened.file.close()',
      },
    ],
    // Nothing is lost by it: what of a slot does not read well is derived. But a start may not take so long.
    noticedBy: { test: 'test/timewheel/power-loss.test.ts' },
    shows: /^power cut with \d+ pending: only what came since is read/,
  },
  {
    name: 'merge-drops-neighbour',
    breaks: 'of a slot that is read, what comes behind a double is dropped with it',
    changes: [
      {
        file: 'timewheel/slot/slot-reader.ts',
        from: `      }
      this.#merge.shift()
    }
    if (this.#merge.isAtEnd)`,
        to: `      } else {
        this.#merge.shift()
        if (this.#merge.head === undefined) break
      }
      this.#merge.shift()
    }
    if (this.#merge.isAtEnd)`,
      },
    ],
    noticedBy: SIMULATION,
    shows: LOST,
  },
  {
    name: 'late-also-stored',
    breaks: 'an entry that arrives behind the hand is dispatched at once and stored for its time as well',
    changes: [
      {
        file: 'timewheel/pending.ts',
        from: `    } else if (comparePlaces(place, this.horizon) <= 0) {
      this.ready.push(`,
        to: `    }
    if (comparePlaces(place, this.horizon) <= 0) {
      this.ready.push(`,
      },
    ],
    noticedBy: SIMULATION,
    shows: DOUBLED,
  },
  {
    name: 'index-without-last',
    breaks: 'an index that is written anew leaves the last batch out',
    changes: [
      {
        file: 'storage/segment/segment-indexes.ts',
        from: 'while (await walk.next()) this.add(walk)',
        to: `let last: IndexedBatch | undefined
    while (await walk.next()) {
      if (last !== undefined) this.add(last)
      const { position, size, lastOffset, maxTimestampMs } = walk
      last = { position, size, lastOffset, maxTimestampMs }
    }`,
      },
    ],
    noticedBy: SIMULATION,
    shows: /^18: |^the first record of /,
  },
  {
    name: 'renamed-before-sync',
    breaks: 'a checkpoint takes its name before its contents are durable',
    changes: [
      {
        file: 'storage/base/durable-file.ts',
        from: `    await file.sync()
  } finally`,
        to: `    await disk.rename(beside, path)
    await file.sync()
  } finally`,
      },
      {
        file: 'storage/base/durable-file.ts',
        from: `  await disk.rename(beside, path)
  await disk.syncDirectory`,
        to: '  await disk.syncDirectory',
      },
    ],
    noticedBy: { test: 'test/storage/durable-file.test.ts' },
    shows: /^the power cut at call/,
  },
  {
    name: 'full-disk-swallowed',
    breaks: 'a frame for which the disk has no space counts as written',
    changes: [
      {
        file: 'storage/journal/journal.ts',
        from: 'throw (this.#failure = this.#failed(error))',
        to: `if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw (this.#failure = this.#failed(error))`,
      },
    ],
    noticedBy: SIMULATION,
    shows: LOG_LOST,
  },
  {
    name: 'folder-not-synced',
    breaks: 'frames are written into a journal file whose name is not durable',
    changes: [
      {
        file: 'storage/journal/journal-files.ts',
        from: `      await disk.syncDirectory(directory)
      if (old`,
        to: '      if (old',
      },
    ],
    noticedBy: SIMULATION,
    shows: LOG_LOST,
  },
  {
    name: 'due-rounded-down',
    breaks: 'a due time is kept without its milliseconds',
    changes: [
      {
        file: 'timewheel/entry/entry-body.ts',
        from: 'writeUInt64(into, position + DUE_AT, dueAtMs)',
        to: 'writeUInt64(into, position + DUE_AT, dueAtMs - (dueAtMs % 1000))',
      },
    ],
    noticedBy: SIMULATION,
    shows: /^3: /,
  },
  {
    name: 'absurd-clock-followed',
    breaks: 'a wall clock that is ten years ahead is followed when it has stayed there',
    changes: [
      {
        file: 'timewheel/hand-clock.ts',
        from: 'return wallMs > (this.#latestMs ?? this.#handMs + this.#jumpMaxMs)',
        to: 'return wallMs < 0',
      },
    ],
    noticedBy: { test: 'test/timewheel/hand-clock.test.ts' },
    shows: /^C2: a wall clock that is ten years ahead is not believed/,
  },
  {
    name: 'retention-on-wall-time',
    breaks: 'retention goes by the clock on the wall, whatever it shows',
    changes: [{ file: 'service/broker.ts', from: '    believed.hand = hand\n', to: '' }],
    noticedBy: { test: 'test/service/http/clock.test.ts' },
    shows: /^C2: retention does not go by a wall clock that jumps ahead/,
  },
  ...DELIVERY_MUTANTS,
]
