// Each kind of damage to a data directory, the sentence that names it, and what a repair leaves.

import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32c } from '../../storage/index.ts'
import { flip } from './data-directory.ts'
import { decodeCheckpoint, firstBatchOf, frameSizesIn, withoutLastBytes } from './journal-places.ts'

export interface Harm {
  name: string
  /** What is done to a copy of the killed directory, or, with `clean`, of the stopped one. */
  to: (directory: string) => void
  clean?: true
  /** The code and the words with which verify names it. */
  says: [code: string, words: RegExp]
  /** Verify calls it a note: the next start makes up for it. */
  note?: true
  /** The start is refused with this code until it is repaired. */
  refused?: string
  /** Repair has nothing to do. */
  unrepaired?: true
  /** At most so many records cannot be read after the repair that could be before the harm. */
  lost: number
}

const logOf = (directory: string, partition: string, index = 0) => {
  const folder = join(directory, 'topics', partition)
  return join(
    folder,
    readdirSync(folder)
      .filter((name) => name.endsWith('.log'))
      .sort()
      .at(index) as string,
  )
}
const journalOf = (directory: string, index: number) => {
  const { journal } = decodeCheckpoint(directory)
  return join(directory, 'journal', `${String(journal.sequence + index).padStart(20, '0')}.journal`)
}
const slotOf = (directory: string) => {
  const folder = join(directory, 'wheel', 'slots')
  return join(folder, readdirSync(folder).sort()[0])
}

/** To the journal and the checkpoint. */
export const JOURNAL_HARMS: readonly Harm[] = [
  {
    name: 'a flipped bit in the middle of the journal',
    to: (directory) => {
      const [first] = frameSizesIn(directory)
      flip(journalOf(directory, 0), first.position + 70)
    },
    says: ['journal-hole', /frame \d+ cannot be read, and later frames can/],
    refused: 'JOURNAL_DAMAGED',
    // The other batch in the frame is good.
    lost: 1,
  },
  {
    name: 'a flipped bit in what a group acquired',
    to: (directory) => flip(journalOf(directory, 0), firstBatchOf(directory, '__groups') + 70),
    says: ['journal-hole', /offset \d+ of __groups-0/],
    refused: 'JOURNAL_DAMAGED',
    lost: 1,
  },
  {
    name: 'zeros over several frames of the journal',
    to: (directory) => {
      const path = journalOf(directory, 1)
      const bytes = readFileSync(path)
      bytes.fill(0, 4096, 4096 + 300 * 1024)
      writeFileSync(path, bytes)
    },
    says: ['journal-hole', /frames \d+ to \d+ cannot be read/],
    refused: 'JOURNAL_DAMAGED',
    lost: 10,
  },
  {
    name: 'a journal file is missing',
    to: (directory) => rmSync(journalOf(directory, 1)),
    says: ['journal-hole', /in file \d+ \(missing\)/],
    refused: 'JOURNAL_DAMAGED',
    lost: 40,
  },
  {
    name: 'the first journal file is missing',
    to: (directory) => rmSync(journalOf(directory, 0)),
    says: ['journal-hole', /missing/],
    refused: 'JOURNAL_DAMAGED',
    lost: 60,
  },
  {
    name: 'all of the journal is missing',
    to: (directory) => rmSync(join(directory, 'journal'), { recursive: true }),
    says: ['journal-missing', /at which the checkpoint begins/],
    refused: 'JOURNAL_DAMAGED',
    lost: 120,
  },
  {
    name: 'the salt in the header of a journal file is damaged',
    to: (directory) => flip(journalOf(directory, 0), 17),
    says: ['journal-header', /Its frames tell what it was: no record is lost/],
    refused: 'JOURNAL_DAMAGED',
    lost: 0,
  },
  {
    name: 'the checkpoint is damaged',
    to: (directory) => flip(join(directory, 'checkpoint'), 40),
    says: ['checkpoint-damaged', /its checksum does not match/],
    lost: 0,
  },
  {
    name: 'the checkpoint is damaged and the journal is gone',
    to: (directory) => {
      flip(join(directory, 'checkpoint'), 40)
      rmSync(join(directory, 'journal'), { recursive: true })
    },
    clean: true,
    says: ['checkpoint-lost', /There is no journal either/],
    refused: 'CHECKPOINT_DAMAGED',
    lost: 0,
  },
]

/** To everything else. */
export const FILE_HARMS: readonly Harm[] = [
  {
    name: 'a flipped bit in a segment',
    to: (directory) => flip(logOf(directory, 'orders-0'), 500),
    says: ['batch-damaged', /offsets? \d+.* of orders-0 cannot be read/],
    lost: 1,
  },
  {
    name: 'the checkpoint is gone and a segment damaged',
    to: (directory) => {
      rmSync(journalOf(directory, -3))
      rmSync(join(directory, 'checkpoint'))
      flip(logOf(directory, 'orders-1'), 300)
    },
    clean: true,
    says: ['batch-damaged', /of orders-1 cannot be read/],
    refused: 'JOURNAL_DAMAGED',
    lost: 1,
  },
  {
    name: 'a segment is cut short',
    to: (directory) => truncateSync(logOf(directory, '__delay-0'), 700),
    says: ['segment-short', /The file has 700 bytes; \d+ were made durable/],
    // All but the two cancels and their targets lie in slots and overflow too.
    lost: 6,
  },
  {
    name: 'a segment is missing',
    to: (directory) => rmSync(logOf(directory, '__ids-0')),
    says: ['segment-missing', /The file is missing: offsets 0 to \d+ of __ids-0/],
    lost: 20,
  },
  {
    name: 'a flipped bit in the catalogue',
    to: (directory) => flip(logOf(directory, '__topics-0'), 200),
    clean: true,
    says: ['batch-damaged', /of __topics-0 cannot be read/],
    refused: 'BATCH_DAMAGED',
    lost: 1,
  },
  {
    name: 'an offset index with a wrong position',
    to: (directory) => flip(logOf(directory, '__delay-0').replace('.log', '.index'), 6),
    says: ['index-wrong', /no batch begins there/],
    lost: 0,
  },
  {
    name: 'a slot with a flipped bit',
    to: (directory) => flip(slotOf(directory), 40),
    says: ['slot-damaged', /at byte 6: a checksum does not match/],
    lost: 0,
  },
  {
    name: 'a slot is missing',
    to: (directory) => rmSync(slotOf(directory)),
    says: ['slot-missing', /The slot is missing/],
    note: true,
    unrepaired: true,
    lost: 0,
  },
  {
    name: 'overflow is missing',
    to: (directory) => rmSync(join(directory, 'overflow'), { recursive: true }),
    says: ['overflow-lost', /messages due between/],
    refused: 'OVERFLOW_LOST',
    lost: 0,
  },
  {
    name: 'overflow has lost its CURRENT',
    to: (directory) => rmSync(join(directory, 'overflow', 'CURRENT')),
    says: ['overflow-damaged', /LevelDB/],
    refused: 'OVERFLOW_LOST',
    lost: 0,
  },
  {
    name: 'the checkpoint of the wheel is damaged',
    to: (directory) => flip(join(directory, 'wheel', 'checkpoint'), 30),
    says: ['wheel-checkpoint-damaged', /its checksum does not match/],
    lost: 0,
  },
  {
    name: 'the index of ids cannot be opened',
    to: (directory) => rmSync(join(directory, 'index', 'CURRENT')),
    says: ['ids-damaged', /LevelDB/],
    lost: 0,
  },
  {
    name: 'the index of ids is missing',
    to: (directory) => rmSync(join(directory, 'index'), { recursive: true }),
    says: ['ids-missing', /is missing/],
    note: true,
    unrepaired: true,
    lost: 0,
  },
  {
    name: 'the last mark is damaged',
    to: (directory) => {
      // Behind a checkpoint its last sector would come from there.
      withoutLastBytes(directory, '__mark')
      flip(logOf(directory, '__mark-0'), -10)
    },
    clean: true,
    says: ['batch-damaged', /of __mark-0 cannot be read/],
    refused: 'BATCH_DAMAGED',
    lost: 1,
  },
  {
    name: 'a slot with an entry that nobody published',
    to: (directory) => {
      const path = slotOf(directory)
      const bytes = readFileSync(path)
      const size = 8 + bytes.readUInt32BE(6)
      bytes[6 + size - 1] ^= 1
      bytes.writeUInt32BE(crc32c(bytes.subarray(14, 6 + size)), 10)
      writeFileSync(path, bytes)
    },
    says: ['slot-foreign', /__delay has no such entry/],
    lost: 0,
  },
  {
    name: 'a table of overflow is cut to nothing',
    to: (directory) => {
      const folder = join(directory, 'overflow')
      const table = readdirSync(folder).find((name) => name.endsWith('.ldb')) as string
      truncateSync(join(folder, table), 0)
    },
    says: ['overflow-damaged', /the table \d+\.ldb is cut/],
    refused: 'OVERFLOW_LOST',
    lost: 0,
  },
]
