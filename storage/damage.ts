// What damage to each file of the log leads to: the decisions that recovery.ts, survey.ts, journal-reader.ts, segment.ts
// and segment-indexes.ts take, side by side. test/storage/damage-table.test.ts flips the bits of every field, cuts at every
// length, and holds each row against what happens.

export type Verdict =
  /** No field that counts was hit: nothing is lost and nothing need be done. */
  | 'keep'
  /** It cannot be told from a write that nobody was answered for: cut off, and the log says how many bytes. */
  | 'cut'
  /** Derived, or there twice: made anew, with the same answers. */
  | 'rebuild'
  /** What was hit is never served, its place is named, everything else is served. */
  | 'report'
  /** Put beside under another name, and the log says so; what it held is derived. */
  | 'set aside'
  /** The start is refused, with the place: what was acknowledged cannot be brought back whole. */
  | 'refuse'

export interface DamageRow {
  file: string
  hit: string
  verdict: Verdict
  /** The code of the refused start, or of the refused read. */
  code?: string
}

export const LOG_DAMAGE: readonly DamageRow[] = [
  { file: 'journal', hit: 'header of a needed file', verdict: 'refuse', code: 'JOURNAL_DAMAGED' },
  { file: 'journal', hit: 'header of a file prepared ahead', verdict: 'refuse', code: 'JOURNAL_DAMAGED' },
  { file: 'journal', hit: 'zeros behind a header', verdict: 'keep' },
  { file: 'journal', hit: 'frame before the checkpoint', verdict: 'keep' },
  { file: 'journal', hit: 'frame with others behind it', verdict: 'refuse', code: 'JOURNAL_DAMAGED' },
  { file: 'journal', hit: 'last frame', verdict: 'cut' },
  { file: 'journal', hit: 'padding of a frame', verdict: 'keep' },
  { file: 'journal', hit: 'room behind the last frame', verdict: 'keep' },
  { file: 'journal', hit: 'needed file cut', verdict: 'refuse', code: 'JOURNAL_DAMAGED' },
  { file: 'journal', hit: 'needed file gone', verdict: 'refuse', code: 'JOURNAL_DAMAGED' },
  { file: 'journal', hit: 'file prepared ahead cut', verdict: 'refuse', code: 'JOURNAL_DAMAGED' },
  { file: 'journal', hit: 'file prepared ahead gone', verdict: 'keep' },
  { file: 'journal', hit: 'free file, anywhere, cut or gone', verdict: 'keep' },
  { file: 'checkpoint', hit: 'anywhere', verdict: 'rebuild' },
  { file: 'checkpoint', hit: 'cut or gone', verdict: 'rebuild' },
  { file: 'segment', hit: 'batch', verdict: 'report', code: 'BATCH_DAMAGED' },
  // Kafka's checksum leaves it out, and nothing here reads it.
  { file: 'segment', hit: 'leader epoch of a batch', verdict: 'keep' },
  // The checkpoint holds these bytes too.
  { file: 'segment', hit: 'last sector of a growing one', verdict: 'keep' },
  { file: 'segment', hit: 'closed one cut or gone', verdict: 'report', code: 'BATCH_DAMAGED' },
  { file: 'segment', hit: 'growing one cut or gone', verdict: 'report', code: 'SEGMENT_DAMAGED' },
  { file: 'segment', hit: 'batch of __topics', verdict: 'refuse', code: 'BATCH_DAMAGED' },
  { file: 'segment', hit: 'that of __topics cut or gone', verdict: 'refuse', code: 'SEGMENT_DAMAGED' },
  { file: 'offset index', hit: 'anywhere', verdict: 'rebuild' },
  { file: 'offset index', hit: 'cut, too long or gone', verdict: 'rebuild' },
  { file: 'time index', hit: 'anywhere', verdict: 'rebuild' },
  { file: 'time index', hit: 'cut, too long or gone', verdict: 'rebuild' },
  // Only read when the checkpoint is lost.
  { file: 'partition.metadata', hit: 'anywhere', verdict: 'keep' },
  { file: 'partition.metadata', hit: 'cut or gone', verdict: 'keep' },
]
