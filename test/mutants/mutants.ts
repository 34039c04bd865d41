// Mutants: each breaks one promise by a small change of the source, and says what must notice it. The text to replace
// must stand in its file exactly once, so a mutant that no longer fits is found out.

export interface Mutant {
  name: string
  /** What is broken. */
  breaks: string
  changes: { file: string; from: string; to: string }[]
  /** What is run until one of them fails: test files, or a crash run with these arguments. */
  noticedBy: (string | string[])[]
}

export const MUTANTS: Mutant[] = [
  {
    name: 'no-sync',
    breaks: 'the journal is written and not synced',
    changes: [
      {
        file: 'storage/log/journal-files.ts',
        from: `const file = await this.#options.disk.open(path, 'write-through')`,
        to: `const file = await this.#options.disk.open(path, 'write')`,
      },
      {
        file: 'storage/log/journal-files.ts',
        from: `const file = await disk.open(from, old === undefined ? 'write' : 'write-through')`,
        to: `const file = await disk.open(from, 'write')`,
      },
      {
        // The file itself stays whole: only its frames are not synced.
        file: 'storage/log/journal-files.ts',
        from: 'if (old === undefined) await file.sync()',
        to: 'await file.sync()',
      },
    ],
    noticedBy: [['--disk', 'write-back', '--rounds', '3', '--seed', '1']],
  },
  {
    name: 'answer-before-sync',
    breaks: 'an append is answered while its frame is still being written',
    changes: [
      {
        file: 'storage/log/group-commit.ts',
        from: 'await journal.write(encoded.frame, encoded.size, group.parts.length)',
        to: `const written = journal.write(encoded.frame, encoded.size, group.parts.length)
      group.resolve()
      await written`,
      },
    ],
    noticedBy: [['--disk', 'write-back', '--slow', '4', '--rounds', '6', '--seed', '2']],
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
    noticedBy: [['--disk', 'write-back', '--slow', '4', '--rounds', '8', '--seed', '3']],
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
    noticedBy: ['test/timewheel', ['--disk', 'write-back', '--rounds', '6', '--seed', '4']],
  },
  {
    name: 'consumed-early',
    breaks: 'the mark says that an entry is consumed before it is stored anywhere',
    changes: [
      {
        file: 'timewheel/wheel.ts',
        from: 'const consumed = pending.settledUpTo(this.#consumed)',
        to: 'const consumed = this.#highWatermark()',
      },
    ],
    noticedBy: ['test/timewheel', ['--disk', 'write-back', '--slow', '4', '--rounds', '10', '--seed', '5']],
  },
]
