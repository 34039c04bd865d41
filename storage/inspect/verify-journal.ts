// Checks the journal, as it was surveyed with the log.

import { type Counts, counted, type Finding, note, wrong } from './finding.ts'
import type { JournalHole, Room } from './journal-survey.ts'
import type { StoredLog } from './stored-log.ts'
import { nameOf } from './stored-partition.ts'

/** All that is to be said of the journal. */
export async function* verifyJournal({ log, counts }: { log: StoredLog; counts: Counts }): AsyncGenerator<Finding> {
  const { files, holes, tail, unusable, frames, end } = log.journal
  counted(counts, 'frames', frames)
  for (const { path, headerDamage, header, sequence } of files) {
    if (headerDamage === undefined || unusable.some((file) => file.sequence === sequence)) continue
    const told =
      header === undefined ? 'No frame in it tells what it was.' : 'Its frames tell what it was: no record is lost.'
    yield wrong('journal-header', path, `The header of the journal file is damaged: ${headerDamage}. ${told}`, {
      position: 0,
      meaning: 'The start is refused.',
      acknowledged: header === undefined,
    })
  }
  const last = files.find(({ sequence }) => sequence === end?.sequence)
  if (last !== undefined && last.size === undefined) {
    yield wrong(
      'journal-missing',
      last.path,
      `The journal file with sequence ${last.sequence} is missing, at which the checkpoint begins.`,
      {
        meaning: 'The start is refused: all that was acknowledged after the checkpoint was in it.',
        acknowledged: true,
      },
    )
  }
  for (const [i, hole] of holes.entries()) yield holeFinding(log, hole, i + 1)
  for (const { path, headerDamage, size } of unusable) {
    const why =
      size === undefined
        ? 'is missing'
        : headerDamage === undefined
          ? 'lies behind it'
          : `cannot be opened: ${headerDamage}`
    yield wrong('journal-file-ahead', path, `The journal file, prepared ahead of use and without a frame, ${why}.`, {
      meaning: 'The start is refused. It holds nothing.',
      acknowledged: false,
    })
  }
  if (tail !== undefined && tail.holds === 'a broken frame') {
    const sentence = `At byte ${tail.position} a frame begins that is not whole, and none is behind it.`
    yield note('torn-end', tail.file.path, sentence, {
      position: tail.position,
      meaning: 'A write was cut short; it was acknowledged to nobody. (Damage to the very last frame looks the same.)',
      remedy: 'Nothing: the next start cuts it.',
    })
  }
}

function holeFinding(log: StoredLog, hole: JournalHole, holes: number): Finding {
  const { rooms, fromNumber, toNumber } = hole
  const count = toNumber - fromNumber
  const frames = count === 1 ? `frame ${fromNumber}` : `frames ${fromNumber} to ${toNumber - 1}`
  const missing = lostOffsets(log, holes)
  const lost = missing.length === 0 ? 'no offset is seen to be missing' : missing.join(', ')
  const first = rooms[0]
  const sentence =
    count > 0
      ? `The journal is damaged ${rooms.map(placeOf).join(', ')}: ${frames} cannot be read, and later frames can. Of what it held, ${lost}.`
      : `The journal is damaged ${rooms.map(placeOf).join(', ')}: what stands there is no frame, and frames go on behind it.`
  return wrong('journal-hole', first?.file.path ?? '', sentence, {
    position: first?.position ?? 0,
    meaning: 'The start is refused: acknowledged records are in it.',
    acknowledged: true,
  })
}

/** In words which offsets are seen to be missing because of the hole with this number, counted from one. */
function lostOffsets(log: StoredLog, holes: number): string[] {
  return [...log.partitions()].flatMap((partition) =>
    partition.gaps
      .filter((gap) => gap.holes === holes)
      .map(({ offset, lastOffset }) =>
        offset === lastOffset
          ? `offset ${offset} of ${nameOf(partition)}`
          : `offsets ${offset} to ${lastOffset} of ${nameOf(partition)}`,
      ),
  )
}

function placeOf({ file, position, end, holds }: Room): string {
  if (end === Number.POSITIVE_INFINITY)
    return `in file ${file.sequence} (${file.size === undefined ? 'missing' : holds})`
  return `in bytes ${position} to ${end - 1} of file ${file.sequence} (${holds})`
}
