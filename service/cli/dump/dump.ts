// `dwell dump`: recognises a file of ours by its contents, where it has a magic, else by its name, and says what is in it.

import { basename, join } from 'node:path'
import { type Disk, DwellError } from '../../../storage/index.ts'
import { DURABLE_MAGICS, durableLines } from './durable.ts'
import { journalLines } from './journal.ts'
import type { DumpOptions, Line } from './line.ts'
import { runLines } from './run.ts'
import { offsetIndexLines, segmentLines, timeIndexLines } from './segment.ts'
import { slotLines, storeLines } from './wheel.ts'

const HEAD_BYTES = 64

type Lines = (disk: Disk, path: string, options: DumpOptions) => AsyncGenerator<Line>

/** What a file is; the first row that fits decides. `head` is how it begins. */
const KINDS: readonly { is: (head: Buffer, name: string) => boolean; lines: Lines }[] = [
  { is: (head) => magicOf(head) === 'DWJL', lines: journalLines },
  { is: (head) => DURABLE_MAGICS.includes(magicOf(head)), lines: durableLines },
  { is: (head) => magicOf(head) === 'DWSL', lines: slotLines },
  { is: (head) => magicOf(head) === 'DWRN', lines: runLines },
  { is: (_, name) => /^\d{20}\.journal/.test(name), lines: journalLines },
  { is: (_, name) => /^\d{20}\.index/.test(name), lines: offsetIndexLines },
  { is: (_, name) => /^\d{20}\.timeindex/.test(name), lines: timeIndexLines },
  { is: (_, name) => /^\d{20}\.run/.test(name), lines: runLines },
  { is: (_, name) => /^\d+\.slot/.test(name), lines: slotLines },
  { is: (head, name) => /^\d{20}\.log/.test(name) || looksLikeBatch(head), lines: segmentLines },
  { is: (_, name) => name === 'partition.metadata' || name === 'owner.json', lines: textLines },
  { is: (_, name) => name === 'next.preparing' || name.startsWith('reserve'), lines: zeroLines },
  { is: (_, name) => ['checkpoint', 'identity', 'cleaned'].includes(name), lines: durableLines },
]

/**
 * What is in the file, or LevelDB folder, at `path`.
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE, NOT_OURS
 */
export async function* dump(disk: Disk, path: string, options: DumpOptions): AsyncGenerator<Line> {
  const head = await headOf(disk, path)
  if (head === 'folder') return yield* folderLines(disk, path, options)
  const name = basename(path)
  const kind = KINDS.find(({ is }) => is(head, name))
  if (head.length === 0) {
    // An index of a short segment has no entry.
    if (/\.(index|timeindex|log)$/.test(name)) return void (yield 'an empty file')
    return void (yield { damage: `${path} is empty.` })
  }
  if (kind === undefined) {
    const begins = head.subarray(0, 8).toString('hex')
    throw new DwellError('NOT_OURS', `${path} is no file of Dwell: it begins with the bytes ${begins}.`, { path })
  }
  yield* kind.lines(disk, path, options)
}

async function headOf(disk: Disk, path: string): Promise<Buffer | 'folder'> {
  try {
    const file = await disk.open(path, 'read')
    try {
      const head = Buffer.alloc(HEAD_BYTES)
      return head.subarray(0, await file.read(head, 0))
    } finally {
      await file.close()
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EISDIR') return 'folder'
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new DwellError('FILE_NOT_FOUND', `There is no file ${path}.`, { path }, error)
    if (code === 'EACCES' || code === 'EPERM')
      throw new DwellError('FILE_UNREADABLE', `${path} cannot be read: permission denied.`, { path }, error)
    throw new DwellError('FILE_UNREADABLE', `${path} cannot be read: ${message}.`, { path }, error)
  }
}

async function* folderLines(disk: Disk, path: string, options: DumpOptions): AsyncGenerator<Line> {
  const names = await disk.list(path)
  if (names.includes('CURRENT') || names.some((name) => /^MANIFEST-\d+$|^\d+\.(ldb|sst)$/.test(name)))
    return yield* storeLines(path, options)
  const files = names.sort().map((name) => join(path, name))
  const sentence =
    files.length === 0
      ? `${path} is an empty folder.`
      : `${path} is a folder and no LevelDB store: name one of its files, such as ${files[0]}. To check a whole data directory use \`dwell verify\`.`
  throw new DwellError('NOT_OURS', sentence, { path })
}

async function* textLines(disk: Disk, path: string): AsyncGenerator<Line> {
  const file = await disk.open(path, 'read')
  try {
    const bytes = Buffer.alloc(4096)
    const text = bytes.toString('utf8', 0, await file.read(bytes, 0))
    yield basename(path) === 'owner.json' ? 'the owner of the directory, while it is in use' : 'metadata of a partition'
    yield* text.trimEnd().split('\n')
  } finally {
    await file.close()
  }
}

async function* zeroLines(disk: Disk, path: string): AsyncGenerator<Line> {
  const what =
    basename(path) === 'next.preparing' ? 'a journal file that is being filled' : 'space kept for a full disk'
  yield `${what}, ${await disk.size(path)} bytes: it holds nothing`
}

function magicOf(head: Buffer): string {
  return head.toString('latin1', 0, 4)
}

function looksLikeBatch(head: Buffer): boolean {
  return head.length >= 61 && head[16] === 2 && head[0] === 0 && head.readInt32BE(8) >= 49
}
