// `dwell tokens create | list | remove`: the file of tokens that DWELL_TOKENS_FILE names. A running service reads it again by
// itself. The token is printed once and kept nowhere; it alone goes to standard output, so that it can be piped.
//
// Always true: no two change the file at once, or a token would be lost that was printed already. Who changes it has the file
// `<file>.new`, which takes its place. After a crash that may be left; then it is in the way until somebody removes it.

import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Disk, type DiskFile, DwellError, SystemDisk, SystemRandom } from '../../storage/index.ts'
import { isRight, RIGHTS, type Right, TopicScope } from '../access/rights.ts'
import { hashOf, makeToken } from '../access/token.ts'
import {
  checkTokenName,
  formatTokenRows,
  readTokenRows,
  TOKENS_FILE_BYTES_MAX,
  TOKENS_MAX,
  type TokenRow,
} from '../access/tokens-file.ts'
import { readWatchedFile } from '../access/watched-files.ts'
import { addFileCommand } from './command.ts'
import { answer, type Terminal } from './terminal.ts'

/** Adds the commands to `program`; `file` is the default of their file. */
export function addTokens(program: Command, file: string | undefined): void {
  const disk = new SystemDisk()
  const tokens = program.command('tokens').description('Makes, lists and removes the tokens of a file.')
  const withFile = (command: Command) => {
    const option = new Option('--file <path>', 'the file of tokens; the setting DWELL_TOKENS_FILE by default')
    return command.addOption(file === undefined ? option.makeOptionMandatory() : option.default(file))
  }
  addFileCommand(tokens, {
    usage: 'create <name>',
    description: 'Makes a token, prints it once, and adds its hash to the file. The name is for logs and limits.',
    options: (command) =>
      withFile(command)
        .requiredOption('--rights <list>', `${RIGHTS.join(', ')}, with commas`, rightsOf)
        .option('--topics <list>', 'topics, or beginnings with * behind, with commas', topicsOf, ['*']),
    examples: ["dwell tokens create shop --rights publish --topics 'shop.*' --file tokens.json"],
    run: (terminal, [name], given) => create(disk, terminal, name, given as unknown as CreateOptions),
  })
  addFileCommand(tokens, {
    usage: 'list',
    description: 'Prints what the tokens of the file may do.',
    options: withFile,
    examples: ['dwell tokens list --file tokens.json', 'dwell tokens list --file tokens.json --json'],
    run: (terminal, _args, given) => list(disk, terminal, given.file as string),
  })
  addFileCommand(tokens, {
    usage: 'remove <name>',
    description: 'Removes a token from the file: whoever holds it is refused within seconds.',
    options: withFile,
    examples: ['dwell tokens remove shop --file tokens.json'],
    run: (terminal, [name], given) => remove(disk, terminal, given.file as string, name),
  })
}

interface CreateOptions {
  file: string
  rights: Right[]
  topics: string[]
}

async function create(
  disk: Disk,
  terminal: Terminal,
  given: string,
  { file, rights, topics }: CreateOptions,
): Promise<number> {
  const name = checkTokenName(given, 'the new token')
  const token = makeToken(new SystemRandom())
  await changeRows(disk, file, async () => {
    const rows = await readRows(disk, file)
    if (rows.some((other) => other.name === name))
      throw new DwellError('INVALID_TOKENS_FILE', `The file ${file} has a token ${name} already; remove it first.`)
    if (rows.length === TOKENS_MAX)
      throw new DwellError('INVALID_TOKENS_FILE', `The file ${file} has ${TOKENS_MAX} tokens, which is the most.`)
    return [...rows, { name, rights, topics, sha256: hashOf(token) }]
  })
  if (!terminal.json)
    await terminal.notes.line(`Added ${name} to ${file}. This is the only time that the token is shown:`)
  return answer(terminal, { name, rights, topics, file, token }, token)
}

async function list(disk: Disk, terminal: Terminal, path: string): Promise<number> {
  const rows = await readRows(disk, path, true)
  const tokens = rows.map(({ name, rights, topics }) => ({ name, rights, topics }))
  const lines = tokens.map(
    ({ name, rights, topics }) => `${name.padEnd(24)} ${rights.join(',').padEnd(24)} ${topics.join(',')}`,
  )
  return answer(terminal, { tokens }, lines)
}

async function remove(disk: Disk, terminal: Terminal, path: string, name: string): Promise<number> {
  await changeRows(disk, path, async () => {
    const rows = await readRows(disk, path, true)
    const left = rows.filter((row) => row.name !== name)
    if (left.length === rows.length)
      throw new DwellError('INVALID_TOKENS_FILE', `The file ${path} has no token ${JSON.stringify(name)}.`)
    return left
  })
  return answer(terminal, { removed: name, file: path }, `Removed ${name} from ${path}.`)
}

/** None when there is no file yet, unless it `mustExist`. */
async function readRows(disk: Disk, path: string, mustExist = false): Promise<TokenRow[]> {
  if (!mustExist && (await disk.size(path)) === undefined) return []
  return readTokenRows((await readWatchedFile(disk, path, TOKENS_FILE_BYTES_MAX, 'tokens')).toString())
}

/** A service that reads at this moment sees all of the old file, or all of the new one. */
async function changeRows(disk: Disk, path: string, changed: () => Promise<readonly TokenRow[]>): Promise<void> {
  const beside = `${path}.new`
  const file = await openAlone(disk, beside)
  try {
    try {
      await file.write(Buffer.from(formatTokenRows(await changed())), 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await disk.rename(beside, path)
  } catch (error) {
    await disk.remove(beside)
    throw error
  }
}

async function openAlone(disk: Disk, path: string): Promise<DiskFile> {
  try {
    return await disk.open(path, 'create')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const sentence = `Another command is changing the tokens, or was ended before it had; if none is, remove ${path}.`
    throw new DwellError('INVALID_TOKENS_FILE', sentence, { path })
  }
}

function rightsOf(text: string): Right[] {
  const words = text.split(',').map((word) => word.trim())
  if (words.every(isRight)) return words
  throw new InvalidArgumentError(`It must be of ${RIGHTS.join(', ')}, with commas.`)
}

function topicsOf(text: string): string[] {
  const patterns = text.split(',').map((word) => word.trim())
  try {
    new TopicScope(patterns)
    return patterns
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
