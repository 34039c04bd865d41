// `dwell tokens create | list | remove`: the file of tokens that DWELL_TOKENS_FILE names. A running service reads it again by
// itself. The token is printed once and kept nowhere; only what is printed goes to standard output, so that it can be piped.

import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Disk, DwellError, SystemDisk, SystemRandom } from '../../storage/index.ts'
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
import { addExamples } from './examples.ts'
import { Output } from './output.ts'
import { ending } from './tools.ts'

/** Adds the commands to `program`; `file` is the default of their file. */
export function addTokens(program: Command, file: string | undefined): void {
  const disk = new SystemDisk()
  const tokens = program.command('tokens').description('Makes, lists and removes the tokens of a file.')
  const fileOption = () => {
    const option = new Option('--file <path>', 'the file of tokens; the setting DWELL_TOKENS_FILE by default')
    return file === undefined ? option.makeOptionMandatory() : option.default(file)
  }
  const created = tokens
    .command('create')
    .description('Makes a token, prints it once, and adds its hash to the file.')
    .argument('<name>', 'for logs and limits; unique in the file')
    .addOption(fileOption())
    .requiredOption('--rights <list>', `${RIGHTS.join(', ')}, with commas`, rightsOf)
    .option('--topics <list>', 'topics, or beginnings with * behind, with commas', topicsOf, ['*'])
    .action(async (name: string, given: { file: string; rights: Right[]; topics: string[] }) => {
      const { file, rights, topics } = given
      await ending(() => create(disk, file, { name, rights, topics }))
    })
  addExamples(created, ["dwell tokens create shop --rights publish --topics 'shop.*' --file tokens.json"])
  const listed = tokens
    .command('list')
    .description('Prints what the tokens of the file may do.')
    .addOption(fileOption())
    .option('--json', 'print one JSON document', false)
    .action(async (given: { file: string; json: boolean }) => {
      await ending(() => list(disk, given.file, given.json))
    })
  addExamples(listed, ['dwell tokens list --file tokens.json', 'dwell tokens list --file tokens.json --json'])
  const removed = tokens
    .command('remove')
    .description('Removes a token from the file: whoever holds it is refused within seconds.')
    .argument('<name>')
    .addOption(fileOption())
    .action(async (name: string, given: { file: string }) => {
      await ending(() => remove(disk, given.file, name))
    })
  addExamples(removed, ['dwell tokens remove shop --file tokens.json'])
}

async function create(disk: Disk, path: string, row: Omit<TokenRow, 'sha256'>): Promise<void> {
  const name = checkTokenName(row.name, 'the new token')
  const rows = await readRows(disk, path)
  if (rows.some((other) => other.name === name))
    throw new DwellError('INVALID_TOKENS_FILE', `The file ${path} has a token ${name} already; remove it first.`)
  if (rows.length === TOKENS_MAX)
    throw new DwellError('INVALID_TOKENS_FILE', `The file ${path} has ${TOKENS_MAX} tokens, which is the most.`)
  const token = makeToken(new SystemRandom())
  await writeRows(disk, path, [...rows, { ...row, name, sha256: hashOf(token) }])
  await note(`Added ${name} to ${path}. This is the only time that the token is shown:`)
  await new Output(process.stdout).line(token)
}

async function list(disk: Disk, path: string, json: boolean): Promise<void> {
  const output = new Output(process.stdout)
  const rows = await readRows(disk, path, true)
  const shown = rows.map(({ name, rights, topics }) => ({ name, rights, topics }))
  if (json) return output.line(JSON.stringify({ tokens: shown }))
  for (const { name, rights, topics } of shown)
    await output.line(`${name.padEnd(24)} ${rights.join(',').padEnd(24)} ${topics.join(',')}`)
}

async function remove(disk: Disk, path: string, name: string): Promise<void> {
  const rows = await readRows(disk, path, true)
  const left = rows.filter((row) => row.name !== name)
  if (left.length === rows.length)
    throw new DwellError('INVALID_TOKENS_FILE', `The file ${path} has no token ${JSON.stringify(name)}.`)
  await writeRows(disk, path, left)
  await note(`Removed ${name} from ${path}.`)
}

/** None when there is no file yet, unless it `mustExist`. */
async function readRows(disk: Disk, path: string, mustExist = false): Promise<TokenRow[]> {
  if (!mustExist && (await disk.size(path)) === undefined) return []
  return readTokenRows((await readWatchedFile(disk, path, TOKENS_FILE_BYTES_MAX, 'tokens')).toString())
}

/** A service that reads at this moment sees all of the old file, or all of the new one. */
async function writeRows(disk: Disk, path: string, rows: readonly TokenRow[]): Promise<void> {
  const beside = `${path}.new`
  const file = await disk.open(beside, 'write')
  try {
    await file.truncate(0)
    await file.write(Buffer.from(formatTokenRows(rows)), 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(beside, path)
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

/** Says what is not for a program that reads the output. */
async function note(text: string): Promise<void> {
  await new Output(process.stderr).line(text)
}
