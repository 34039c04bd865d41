// `dwell context`: names for services, with address and token, in a file of the user's own.

import { text as textOfStream } from 'node:stream/consumers'
import type { Command } from 'commander'
import { CallError, DwellClient } from '../../client/index.ts'
import { addFileCommand, type Given } from '../command.ts'
import { answer, type Terminal } from '../terminal.ts'
import { checkContextName, contextsPath, readContexts, writeContexts } from './contexts.ts'
import { table } from './table.ts'

/** Adds the commands to `program`. */
export function addContext(program: Command, environment: NodeJS.ProcessEnv): void {
  const path = contextsPath(environment)
  const context = program
    .command('context')
    .description(`Names for services, each with address and token, kept in ${path}.`)
  addFileCommand(context, {
    usage: 'set <name>',
    description: 'Makes a context, or changes what is given. The first one becomes the current one.',
    options: (command) =>
      command
        .option('--url <url>', 'address of the service')
        .option('--token-stdin', 'read the token from standard input, so that no list of processes shows it', false)
        .option('--ca <path>', 'PEM file of the authorities to trust'),
    examples: [
      'dwell context set local --url http://127.0.0.1:7200',
      `echo "$TOKEN" | dwell context set prod --url https://dwell.example.com --token-stdin`,
    ],
    run: (terminal, [name], given) => setContext(terminal, path, name, given),
  })
  addFileCommand(context, {
    usage: 'use <name>',
    description: 'Makes a context the current one: what commands use when nothing else is said.',
    examples: ['dwell context use local'],
    run: (terminal, [name]) => useContext(terminal, path, name),
  })
  addFileCommand(context, {
    usage: 'list',
    description: 'Lists the contexts; tokens are not shown.',
    examples: ['dwell context list', 'dwell context list --json'],
    run: (terminal) => listContexts(terminal, path),
  })
  addFileCommand(context, {
    usage: 'remove <name>',
    description: 'Removes a context, with its token.',
    examples: ['dwell context remove prod'],
    run: (terminal, [name]) => removeContext(terminal, path, name),
  })
}

async function setContext(terminal: Terminal, path: string, name: string, given: Given): Promise<number> {
  const { url, tokenStdin, ca } = given as { url?: string; tokenStdin: boolean; ca?: string }
  const known = await readContexts(path)
  const before = Object.hasOwn(known.contexts, checkContextName(name)) ? known.contexts[name] : undefined
  const address = url ?? before?.url
  if (address === undefined) throw wrong('A new context needs a --url.')
  // A token goes to the address that it was given for, and to no other.
  const kept = url === undefined || url === before?.url ? before?.token : undefined
  const text = tokenStdin ? (await textOfStream(process.stdin)).trim() : kept
  const token = text === '' ? undefined : text
  // It says what is wrong with either.
  new DwellClient({ url: address, token }).close()
  const context = { url: address, token, ca: ca ?? before?.ca }
  await writeContexts(path, { current: known.current ?? name, contexts: { ...known.contexts, [name]: context } })
  const sentence = `The context ${name} is ${address}${token === undefined ? '' : ', with a token'}.`
  return answer(terminal, { name, url: address, token: token === undefined ? 'none' : 'set' }, sentence)
}

async function useContext(terminal: Terminal, path: string, name: string): Promise<number> {
  const known = await readContexts(path)
  mustHave(known.contexts, name)
  await writeContexts(path, { ...known, current: name })
  return answer(terminal, { current: name }, `Commands use the context ${name}.`)
}

async function listContexts(terminal: Terminal, path: string): Promise<number> {
  const { current, contexts } = await readContexts(path)
  const rows = Object.entries(contexts).map(([name, { url, token, ca }]) => {
    return { name, current: name === current, url, token: token === undefined ? 'none' : 'set', ca }
  })
  const CURRENT = ({ current }: { current: boolean }) => (current ? '*' : '')
  return answer(
    terminal,
    { contexts: rows },
    table(rows, { CURRENT, NAME: 'name', URL: 'url', TOKEN: 'token', CA: 'ca' }),
  )
}

async function removeContext(terminal: Terminal, path: string, name: string): Promise<number> {
  const { current, contexts } = await readContexts(path)
  mustHave(contexts, name)
  const { [name]: _gone, ...rest } = contexts
  await writeContexts(path, { current: current === name ? undefined : current, contexts: rest })
  return answer(terminal, { removed: name }, `Removed the context ${name}.`)
}

function mustHave(contexts: object, name: string): void {
  if (!Object.hasOwn(contexts, name)) throw wrong(`There is no context ${JSON.stringify(name)}.`)
}

function wrong(sentence: string): CallError {
  return new CallError({ code: 'INVALID_ARGUMENT', sentence })
}
