// `dwell context`: names for services, with address and token, in a file of the user's own.

import { text as textOfStream } from 'node:stream/consumers'
import type { Command } from 'commander'
import { CallError, DwellClient } from '../../client/index.ts'
import { addExamples } from '../examples.ts'
import { Output } from '../output.ts'
import { columns } from './columns.ts'
import { checkContextName, contextsPath, readContexts, writeContexts } from './contexts.ts'
import { exitCodeOf } from './exit-codes.ts'
import { tell } from './remote.ts'

const JSON_OPTION = ['--json', 'print JSON, for programs', false] as const
const EXIT_CODES = 'Exit codes: 0 done; 2 called wrongly.'

/** Adds the commands to `program`. */
export function addContext(program: Command, environment: NodeJS.ProcessEnv): void {
  const path = contextsPath(environment)
  const context = program
    .command('context')
    .description(`Names for services, each with address and token, kept in ${path}.`)
  const set = context
    .command('set <name>')
    .description('Makes a context, or changes what is given. The first one becomes the current one.')
    .option('--url <url>', 'address of the service')
    .option('--token-stdin', 'read the token from standard input, so that no list of processes shows it', false)
    .option('--ca <path>', 'PEM file of the authorities to trust')
    .option(...JSON_OPTION)
    .action((name, given) => ending(given.json, () => setContext(path, name, given)))
  addExamples(
    set,
    [
      'dwell context set local --url http://127.0.0.1:7200',
      `echo "$TOKEN" | dwell context set prod --url https://dwell.example.com --token-stdin`,
    ],
    EXIT_CODES,
  )
  const use = context
    .command('use <name>')
    .description('Makes a context the current one: what commands use when nothing else is said.')
    .option(...JSON_OPTION)
    .action((name, { json }) => ending(json, () => useContext(path, name, json)))
  addExamples(use, ['dwell context use local'], EXIT_CODES)
  const list = context
    .command('list')
    .description('Lists the contexts; tokens are not shown.')
    .option(...JSON_OPTION)
    .action(({ json }) => ending(json, () => listContexts(path, json)))
  addExamples(list, ['dwell context list', 'dwell context list --json'], EXIT_CODES)
  const remove = context
    .command('remove <name>')
    .description('Removes a context, with its token.')
    .option(...JSON_OPTION)
    .action((name, { json }) => ending(json, () => removeContext(path, name, json)))
  addExamples(remove, ['dwell context remove prod'], EXIT_CODES)
}

interface Change {
  url?: string
  tokenStdin: boolean
  ca?: string
  json: boolean
}

async function setContext(path: string, name: string, { url, tokenStdin, ca, json }: Change): Promise<void> {
  const known = await readContexts(path)
  const before = Object.hasOwn(known.contexts, checkContextName(name)) ? known.contexts[name] : undefined
  const address = url ?? before?.url
  if (address === undefined) throw wrong('A new context needs a --url.')
  // A token goes to the address that it was given for, and to no other.
  const kept = url === undefined || url === before?.url ? before?.token : undefined
  const token = tokenStdin ? (await textOfStream(process.stdin)).trim() : kept
  // It says what is wrong with either.
  new DwellClient({ url: address, token: token === '' ? undefined : token }).close()
  const context = { url: address, token: token === '' ? undefined : token, ca: ca ?? before?.ca }
  await writeContexts(path, { current: known.current ?? name, contexts: { ...known.contexts, [name]: context } })
  await say(json, `The context ${name} is ${address}${context.token === undefined ? '' : ', with a token'}.`, {
    name,
    url: address,
    token: context.token === undefined ? 'none' : 'set',
  })
}

async function useContext(path: string, name: string, json: boolean): Promise<void> {
  const known = await readContexts(path)
  mustHave(known.contexts, name)
  await writeContexts(path, { ...known, current: name })
  await say(json, `Commands use the context ${name}.`, { current: name })
}

async function listContexts(path: string, json: boolean): Promise<void> {
  const { current, contexts } = await readContexts(path)
  const output = new Output(process.stdout)
  const rows = Object.entries(contexts).map(([name, { url, token, ca }]) => {
    return { name, current: name === current, url, token: token === undefined ? 'none' : 'set', ca }
  })
  if (json) return output.line(JSON.stringify({ contexts: rows }))
  await output.lines(
    columns(
      ['CURRENT', 'NAME', 'URL', 'TOKEN', 'CA'],
      rows.map(({ name, current, url, token, ca }) => [current ? '*' : '', name, url, token, ca]),
    ),
  )
}

async function removeContext(path: string, name: string, json: boolean): Promise<void> {
  const { current, contexts } = await readContexts(path)
  mustHave(contexts, name)
  const { [name]: _gone, ...rest } = contexts
  await writeContexts(path, { current: current === name ? undefined : current, contexts: rest })
  await say(json, `Removed the context ${name}.`, { removed: name })
}

function mustHave(contexts: object, name: string): void {
  if (!Object.hasOwn(contexts, name)) throw wrong(`There is no context ${JSON.stringify(name)}.`)
}

function say(json: boolean, sentence: string, document: object): Promise<void> {
  return new Output(process.stdout).line(json ? JSON.stringify(document) : sentence)
}

async function ending(json: boolean, task: () => Promise<void>): Promise<void> {
  try {
    await task()
  } catch (error) {
    process.exitCode = exitCodeOf(error)
    await tell(error, json, new Output(process.stderr))
  }
}

function wrong(sentence: string): CallError {
  return new CallError({ code: 'INVALID_ARGUMENT', sentence })
}
