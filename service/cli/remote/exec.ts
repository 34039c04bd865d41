// A command that is run for each message of `dwell consume --exec`. The value goes to its standard input, what else is known of
// the message into its environment, and its exit status acknowledges: 0 accept, 75 (EX_TEMPFAIL of sysexits.h) release, any
// other reject. 126 and 127 are the shell's word for a command that cannot be run: that says nothing of the message.
//
// Always true:
//   1. Names of environment variables are made here: `MESSAGE_…`, and `MESSAGE_HEADER_…` of letters, digits and _. No header can
//      set any other variable.
//   2. The command is the leader of a process group; when it has to end, all that it started is told to end.

import { spawn } from 'node:child_process'
import { type AcquiredRecord, type Outcome, valueBytes } from '../../client/index.ts'

const TEMPORARY_FAILURE = 75
/** Found, but no program; not found. */
const CANNOT_RUN: ReadonlySet<number | null> = new Set([126, 127])
/** What of its last words becomes the reason. */
const TAIL_LENGTH = 300
const KILL_AFTER_MS = 5_000
/** All variables together: far below what systems take. */
const ENVIRONMENT_LENGTH_MAX = 64 * 1024

export interface ExecOptions {
  command: string
  /** Told why, when the command cannot be run. */
  cannotRun(why: string): void
  group: string
  environment: NodeJS.ProcessEnv
  /** Runs `task` later; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void
}

/** Runs the command for one record; never rejects. */
export function execute(record: AcquiredRecord, signal: AbortSignal, options: ExecOptions): Promise<Outcome> {
  const { command, cannotRun, environment, after } = options
  return new Promise((resolve) => {
    const env = { ...environment, ...variablesOf(record, options.group) }
    const child = spawn('/bin/sh', ['-c', command], { env, stdio: ['pipe', 'inherit', 'pipe'], detached: true })
    let tail = ''
    let cancelKill = () => {}
    const end = (name: NodeJS.Signals) => {
      try {
        process.kill(-(child.pid as number), name)
      } catch {
        // It has ended meanwhile.
      }
    }
    const abort = () => {
      end('SIGTERM')
      cancelKill = after(KILL_AFTER_MS, () => end('SIGKILL'))
    }
    const settle = (outcome: Outcome) => {
      cancelKill()
      signal.removeEventListener('abort', abort)
      resolve(outcome)
    }
    child.on('error', (error) =>
      settle({ type: 'release', reason: `The command could not be started: ${error.message}` }),
    )
    child.stderr.on('data', (part: Buffer) => {
      process.stderr.write(part)
      tail = (tail + part.toString()).slice(-TAIL_LENGTH)
    })
    child.on('close', (code, killedBy) => {
      const outcome = outcomeOf(code, killedBy, tail.trim())
      if (CANNOT_RUN.has(code)) cannotRun(outcome.reason as string)
      settle(outcome)
    })
    // A command that does not read its input has its reasons.
    child.stdin.on('error', () => {})
    child.stdin.end(valueBytes(record))
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
  })
}

function outcomeOf(code: number | null, killedBy: NodeJS.Signals | null, tail: string): Outcome & { reason?: string } {
  if (code === 0) return { type: 'accept' }
  const said = tail === '' ? '' : `: ${tail}`
  if (code === null) return { type: 'release', reason: `killed by ${killedBy}${said}` }
  const reason = `exit status ${code}${said}`
  if (CANNOT_RUN.has(code)) return { type: 'release', delay: 0, reason }
  return { type: code === TEMPORARY_FAILURE ? 'release' : 'reject', reason }
}

/** What is known of a message, as variables; what no variable can hold is left out. */
export function variablesOf(record: AcquiredRecord, group: string): Record<string, string> {
  const { topic, partition, offset, key, id, timestamp, deliveryCount, headers, attempts } = record
  const known: Record<string, string | number | null | undefined> = {
    MESSAGE_TOPIC: topic,
    MESSAGE_GROUP: group,
    MESSAGE_PARTITION: partition,
    MESSAGE_OFFSET: offset,
    MESSAGE_KEY: key,
    MESSAGE_ID: id,
    MESSAGE_TIMESTAMP: timestamp,
    MESSAGE_DELIVERY_COUNT: deliveryCount,
    MESSAGE_LAST_REASON: attempts?.at(-1)?.reason,
  }
  for (const [name, value] of Object.entries(headers))
    known[`MESSAGE_HEADER_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`] ??= value
  let length = 0
  const variables: Record<string, string> = {}
  for (const [name, value] of Object.entries(known)) {
    if (value === null || value === undefined || String(value).includes('\0')) continue
    length += name.length + String(value).length
    if (length > ENVIRONMENT_LENGTH_MAX) break
    variables[name] = String(value)
  }
  return variables
}
