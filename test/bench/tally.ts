// Counts what came of numbered messages: each is to be in its topic's log once, and not before it was due. Where that is not
// so, the bench ends with 1.

import { forEachNumbered } from './pages.ts'
import type { Row } from './table.ts'

/** Reads all of `topic`; `dueAtMs` says when message n, from 0 to `count` - 1, was due. */
export async function tally(
  port: number,
  topic: { topic: string; partitions: number },
  count: number,
  dueAtMs: (n: number) => number,
): Promise<Row> {
  const times = new Uint8Array(count)
  const row = { came: 0, lost: 0, twice: 0, early: 0, unknown: 0 }
  await forEachNumbered(port, topic, (n, { timestampMs }) => {
    row.came++
    if (!(n < count)) row.unknown++
    else if (times[n]++ > 0) row.twice++
    else if (timestampMs < dueAtMs(n)) row.early++
  })
  for (const many of times) if (many === 0) row.lost++
  if (row.lost + row.twice + row.early + row.unknown > 0) process.exitCode = 1
  return row
}
