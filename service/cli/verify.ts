// `dwell verify`: all checks of a data directory, in words.

import { resolve } from 'node:path'
import { type Clock, type Counts, type Disk, DwellError, type Finding, holdDirectory } from '../../storage/index.ts'
import type { Output } from './output.ts'
import { verifyDirectory } from './verify-directory.ts'
import { count } from './words.ts'

export interface ToolParts {
  disk: Disk
  clock: Clock
}

/** Prints what is wrong in `directory`; answers whether anything is. */
export async function printVerification(
  { disk, clock }: ToolParts,
  directory: string,
  { json, verbose }: { json: boolean; verbose: boolean },
  output: Output,
): Promise<boolean> {
  await mustBeData(disk, directory)
  const held = await holdDirectory(disk, directory)
  const counts: Counts = {}
  const findings: Finding[] = []
  try {
    for await (const finding of verifyDirectory({ disk, directory, bootId: clock.bootId(), counts })) {
      if (json || (finding.kind === 'note' && !verbose)) findings.push(finding)
      else {
        findings.push(finding)
        await printFinding(finding, output)
      }
    }
  } finally {
    await held.letGo()
  }
  const found = findings.filter(({ kind }) => kind === 'wrong')
  const notes = findings.length - found.length
  if (json) {
    const document = { directory: resolve(directory), wrong: found.length, notes, counts, findings }
    await output.line(JSON.stringify(document, null, 2))
    return found.length > 0
  }
  const looked = Object.entries(counts).map(([name, number]) => `${number.toLocaleString('en-US')} ${name}`)
  await output.line(`Looked at ${looked.join(', ') || 'nothing'}.`)
  const hidden = notes > 0 && !verbose ? ' (see them with --verbose)' : ''
  const noted = notes === 0 ? '' : `; ${count(notes, 'note')} on what the next start makes anew${hidden}`
  if (found.length === 0) await output.line(`Nothing is wrong${noted}.`, 'green')
  else {
    const grave = found.filter(({ acknowledged }) => acknowledged).length
    const concerned = grave === 0 ? 'no acknowledged data is concerned' : `${grave} of them concern acknowledged data`
    await output.line(`${count(found.length, 'thing is', 'things are')} wrong, ${concerned}${noted}.`, 'red')
  }
  return found.length > 0
}

async function printFinding(finding: Finding, output: Output): Promise<void> {
  const { kind, path, sentence, meaning, acknowledged, remedy } = finding
  await output.line(`${kind === 'wrong' ? 'WRONG' : 'note '} ${path}`, kind === 'wrong' ? 'red' : 'dim')
  await output.line(`      ${sentence}`)
  const data = kind === 'note' ? '' : ` Acknowledged data: ${acknowledged ? 'concerned' : 'not concerned'}.`
  await output.line(`      ${meaning}${data}`)
  await output.line(`      ${remedy}`)
}

/** @throws FILE_NOT_FOUND, NOT_OURS, FILE_UNREADABLE */
export async function mustBeData(disk: Disk, directory: string): Promise<void> {
  let names: string[]
  try {
    names = await disk.list(directory)
    if (names.length === 0 && (await disk.size(directory)) === undefined) {
      throw new DwellError('FILE_NOT_FOUND', `There is no folder ${directory}.`, { path: directory })
    }
  } catch (error) {
    if (error instanceof DwellError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOTDIR')
      throw new DwellError('NOT_OURS', `${directory} is a file: name the data directory, or use \`dwell dump\`.`, {
        path: directory,
      })
    const why = code === 'EACCES' || code === 'EPERM' ? 'permission denied' : message
    throw new DwellError('FILE_UNREADABLE', `${directory} cannot be read: ${why}.`, { path: directory }, error)
  }
  if (names.some((name) => ['journal', 'topics', 'checkpoint'].includes(name))) return
  throw new DwellError('NOT_OURS', `${directory} is no data directory of Dwell: it has no journal and no topics.`, {
    path: directory,
  })
}
