// `dwell` as people call it: a process of its own, what it prints, and how it ends.

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '../../service/main.ts')

export interface Ended {
  code: number | null
  out: string
  error: string
}

export interface CommandOptions {
  /** `DWELL_URL` and the like; of this process's environment only what is not ours. */
  environment?: Record<string, string>
  /** What it finds on its standard input; nothing when absent. */
  input?: string | Uint8Array
  cwd?: string
  /** Is given the process, to interrupt it. */
  onStart?: (child: ChildProcess) => void
  /** Told what it printed so far, each time that it is more. */
  onOutput?: (out: string, child: ChildProcess) => void
}

/** Runs `dwell` with these arguments until it ends. */
export function dwell(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  return runToEnd(process.execPath, [MAIN, ...args], options)
}

/** Runs a line of the shell in which `dwell` is the command. */
export function shell(line: string, options: CommandOptions = {}): Promise<Ended> {
  const typed = `dwell() { ${JSON.stringify(process.execPath)} ${JSON.stringify(MAIN)} "$@"; }\n${line}`
  return runToEnd('/bin/bash', ['-c', typed], options)
}

function runToEnd(program: string, args: readonly string[], options: CommandOptions): Promise<Ended> {
  const { environment = {}, input, cwd, onStart, onOutput } = options
  const foreign = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('DWELL_') && name !== 'XDG_CONFIG_HOME',
  )
  const env = { XDG_CONFIG_HOME: '/nonexistent', ...Object.fromEntries(foreign), ...environment }
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env, cwd })
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  let [out, error] = ['', '']
  child.stdout.on('data', (part) => {
    out += part
    onOutput?.(out, child)
  })
  child.stderr.on('data', (part) => {
    error += part
  })
  onStart?.(child)
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, error })))
}
