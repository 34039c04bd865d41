// Contexts: names for services, each with an address and a token, in a file of the user's own:
// `$XDG_CONFIG_HOME/dwell/contexts.json`, else `~/.config/dwell/contexts.json`.
//
// Always true:
//   1. The file is written whole beside and put in place by a rename, with mode 0600: nobody else reads the tokens.
//   2. A file that others may read, and that has a token in it, is not used until its mode is right.

import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { CallError } from '../../client/index.ts'

export interface Context {
  url: string
  token?: string
  /** Path of a PEM file with the authorities to trust. */
  ca?: string
}

export interface Contexts {
  current?: string
  contexts: Record<string, Context>
}

const PRIVATE_MODE = 0o600
const OTHERS_MASK = 0o077
const NAME = /^[A-Za-z0-9._-]{1,64}$/

/** Where the file is, whether it exists or not. */
export function contextsPath(environment: NodeJS.ProcessEnv): string {
  const { XDG_CONFIG_HOME, HOME } = environment
  // The specification of XDG: what is not absolute is ignored.
  const folder = XDG_CONFIG_HOME?.startsWith('/') ? XDG_CONFIG_HOME : join(HOME ?? homedir(), '.config')
  return join(folder, 'dwell', 'contexts.json')
}

/** None when there is no file. @throws CallError INVALID_ARGUMENT */
export async function readContexts(path: string): Promise<Contexts> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { contexts: {} }
    throw wrong(`The file of contexts cannot be read: ${(error as Error).message}.`)
  }
  const found = contextsOf(text, path)
  const holdsToken = Object.values(found.contexts).some(({ token }) => token !== undefined)
  if (holdsToken && ((await stat(path)).mode & OTHERS_MASK) !== 0)
    throw wrong(`Others may read the tokens in ${path}: run \`chmod 600 ${path}\` first.`)
  return found
}

/** Puts the file in place of the one that was there, for its owner's eyes alone. */
export async function writeContexts(path: string, contexts: Contexts): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const beside = `${path}.new`
  const file = await open(beside, 'w', PRIVATE_MODE)
  try {
    // One that was left there may have another mode.
    await chmod(beside, PRIVATE_MODE)
    await file.writeFile(`${JSON.stringify(contexts, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
}

/** @throws CallError INVALID_ARGUMENT */
export function checkContextName(name: string): string {
  if (NAME.test(name)) return name
  throw wrong('A context is named by 1 to 64 of A-Z a-z 0-9 . _ -.')
}

function contextsOf(text: string, path: string): Contexts {
  let found: Partial<Contexts> | null
  try {
    found = JSON.parse(text)
  } catch {
    throw wrong(`The file of contexts ${path} is no JSON.`)
  }
  const contexts = found?.contexts
  const isRight =
    typeof contexts === 'object' &&
    contexts !== null &&
    Object.values(contexts).every((context) => typeof context?.url === 'string')
  if (!isRight) throw wrong(`The file of contexts ${path} is not of the known form: remove it, and make them anew.`)
  return { current: found?.current, contexts }
}

function wrong(sentence: string): CallError {
  return new CallError({ code: 'INVALID_ARGUMENT', sentence })
}
