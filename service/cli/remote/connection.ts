// Which service a command asks, and with which token: out of flags, the environment and the contexts.
//
//   address   --url, else that of --context, else DWELL_URL, else DWELL_CONTEXT, else the current context, else 127.0.0.1:7200
//   token     --token-file, else that of the context that gave the address, else DWELL_TOKEN
//
// A context's token goes to the context's address and nowhere else.

import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { Option } from 'commander'
import { CallError, type ClientOptions } from '../../client/index.ts'
import { parseDuration } from '../../duration.ts'
import { type Context, contextsPath, readContexts } from './contexts.ts'

/** What a command may be told about its service. */
export interface ConnectionFlags {
  url?: string
  context?: string
  tokenFile?: string
  ca?: string
  timeout?: string
}

const TIMEOUT = '30s'

/** Adds the flags to a command. */
export function addConnectionFlags(command: Command): void {
  const grouped = (flags: string, description: string) => new Option(flags, description).helpGroup('Which service:')
  command
    .addOption(grouped('--url <url>', 'address of the service (DWELL_URL)'))
    .addOption(grouped('--context <name>', 'a context made by `dwell context set` (DWELL_CONTEXT)'))
    .addOption(grouped('--token-file <path>', 'file that holds the token (DWELL_TOKEN holds the token itself)'))
    .addOption(grouped('--ca <path>', 'PEM file of the authorities to trust (DWELL_CA)'))
    .addOption(grouped('--timeout <duration>', 'how long one answer may take').default(TIMEOUT))
}

/** @throws CallError INVALID_ARGUMENT, DwellError INVALID_DURATION */
export async function connectionOf(flags: ConnectionFlags, environment: NodeJS.ProcessEnv): Promise<ClientOptions> {
  const context = await contextOf(flags, environment)
  const token =
    flags.tokenFile === undefined ? (context.token ?? environment.DWELL_TOKEN) : await textOf(flags.tokenFile)
  const ca = flags.ca ?? context.ca ?? environment.DWELL_CA
  const timeoutMs = parseDuration(flags.timeout ?? TIMEOUT, '--timeout')
  return {
    url: context.url,
    token: token === undefined || token === '' ? undefined : token.trim(),
    ca: ca === undefined || ca === '' ? undefined : await textOf(ca),
    timeoutMs,
    // Who sits in front of it sees at once what is the matter, and asks again when he likes.
    retryForMs: 0,
    userAgent: 'dwell-cli',
  }
}

async function contextOf({ url, context }: ConnectionFlags, environment: NodeJS.ProcessEnv): Promise<Partial<Context>> {
  if (url !== undefined) return { url }
  const { DWELL_URL, DWELL_CONTEXT } = environment
  if (context === undefined && DWELL_URL !== undefined && DWELL_URL !== '') return { url: DWELL_URL }
  const { contexts, current } = await readContexts(contextsPath(environment))
  const name = context ?? (DWELL_CONTEXT === '' ? undefined : DWELL_CONTEXT) ?? current
  if (name === undefined) return {}
  if (Object.hasOwn(contexts, name)) return contexts[name]
  const known = Object.keys(contexts)
  const others = known.length === 0 ? 'There is none' : `There are ${known.join(', ')}`
  throw new CallError({ code: 'INVALID_ARGUMENT', sentence: `There is no context ${JSON.stringify(name)}. ${others}.` })
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new CallError({ code: 'INVALID_ARGUMENT', sentence: `${path} cannot be read: ${(error as Error).message}.` })
  }
}
