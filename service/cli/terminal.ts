// How a command speaks. Results go to standard output: lines for people, with --json one document for programs. All else goes to
// standard error: notes, and what went wrong as one sentence, with --json as one document.

import { getSystemErrorMessage } from 'node:util'
import { DwellError } from '../../storage/index.ts'
import { CallError } from '../client/index.ts'
import { EXIT } from './exit-codes.ts'
import { Output } from './output.ts'

export interface Terminal {
  /** Standard output. */
  output: Output
  /** Standard error. */
  notes: Output
  json: boolean
}

/** That of this process. */
export function terminalOf(json: boolean): Terminal {
  return { output: new Output(process.stdout), notes: new Output(process.stderr), json }
}

/** Prints a result: `document` for programs, `lines` for people. Answers the exit code. */
export async function answer(
  { output, json }: Terminal,
  document: object,
  lines: string | readonly string[],
): Promise<number> {
  if (json) await output.line(JSON.stringify(document))
  else await output.lines(typeof lines === 'string' ? [lines] : lines)
  return EXIT.DONE
}

/** Says what went wrong. @throws what is no error of users, disks or networks: it is a fault of the program */
export async function tell({ notes, json }: Terminal, error: unknown): Promise<void> {
  const { code, sentence, facts } = problemOf(error)
  if (json) return void (await notes.line(JSON.stringify({ error: { code, ...facts, detail: sentence } })))
  await notes.line(sentence, 'red')
  if (Object.hasOwn(ADVICE, code)) await notes.line(ADVICE[code])
}

interface Problem {
  code: string
  sentence: string
  facts: Readonly<Record<string, unknown>>
}

function problemOf(error: unknown): Problem {
  if (error instanceof CallError) {
    const status = error.status > 0 ? error.status : undefined
    return { code: error.code, sentence: error.message, facts: { status, ...error.fields } }
  }
  if (error instanceof DwellError) return { code: error.code, sentence: error.message, facts: error.fields }
  if (!isOfSystem(error)) throw error
  const what = error.path === undefined ? error.syscall : `${error.syscall} ${error.path}`
  const sentence = `Cannot ${what}: ${getSystemErrorMessage(error.errno)}.`
  return { code: error.code, sentence, facts: { path: error.path } }
}

/** Whether people can do something about it; anything else is a fault of the program. */
export function isExpected(error: unknown): error is Error {
  return error instanceof CallError || error instanceof DwellError || isOfSystem(error)
}

type SystemError = Error & { code: string; errno: number; syscall: string; path?: string }

function isOfSystem(error: unknown): error is SystemError {
  return error instanceof Error && 'syscall' in error && 'errno' in error && typeof error.errno === 'number'
}

const MAYBE_DONE =
  'It may have been carried out all the same. A publish with an --id can be repeated: it changes nothing then.'

/** What to do about it, where the service cannot know how it was called. */
const ADVICE: Record<string, string> = {
  CONNECTION_LOST: MAYBE_DONE,
  TIMED_OUT: MAYBE_DONE,
  UNREACHABLE: 'Is it running? `dwell serve` starts one here; --url, --context or DWELL_URL name another.',
  TOKEN_MISSING: 'Give one with --token-file or DWELL_TOKEN, or keep it with `dwell context set`.',
  TOKEN_WRONG: 'It may have been removed, or be meant for another service.',
  TLS_FAILED: 'Give the authority that signed its certificate with --ca, and an address that the certificate names.',
}
