// A Dwell in a process of its own, in which something is broken to see an alert fire, and how it is made well again afterwards.

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { type Mount, mountTmpfs } from '../faults/machine.ts'
import { DwellProcess, freePort } from '../support/dwell-process.ts'

export class Patient {
  readonly folder: string
  /** Of the next start. */
  settings: Record<string, string> = { DWELL_PUSH_ALLOWED_HOSTS: '127.0.0.1', DWELL_CANARY_INTERVAL: '1s' }
  dataDirectory: string
  #port = 0
  #process: DwellProcess | undefined
  #strace: ChildProcess | undefined
  #mount: Mount | undefined

  constructor(folder: string) {
    this.folder = folder
    this.dataDirectory = join(folder, 'data')
  }

  /** Its data is on a disk of its own, of this size. */
  withDisk(sizeMib: number): void {
    this.#mount = mountTmpfs(`size=${sizeMib}m`)
    this.dataDirectory = join(this.#mount.path, 'data')
  }

  get port(): number {
    return this.#port
  }

  async start(): Promise<void> {
    this.#port ||= await freePort()
    const { settings, dataDirectory } = this
    const logPath = join(this.folder, 'dwell.log')
    this.#process = await DwellProcess.start({ dataDirectory, logPath, port: this.#port, settings })
  }

  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    return (await this.#running.client.call(method, path, { body })).json
  }

  signal(signal: NodeJS.Signals): void {
    this.#running.signal(signal)
  }

  async stop(): Promise<void> {
    await this.#running.stop()
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#running.kill()
  }

  /** From now on each write to a file takes so much longer, in the thread that writes: as on a disk that is sick. */
  slowDisk(delayMs: number): void {
    const calls = 'pwrite64,pwritev'
    const args = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${calls}`]
    args.push('-e', `inject=${calls}:delay_enter=${delayMs}ms`, '-p', String(this.#running.pid))
    this.#strace = spawn('strace', args, { stdio: 'ignore' })
  }

  /** Nothing of it is left but its folder. */
  async bury(): Promise<void> {
    // A thread that strace holds back cannot die.
    this.#strace?.kill('SIGKILL')
    this.#process?.signal('SIGCONT')
    await this.#process?.kill()
    this.#mount?.unmount()
  }

  get #running(): DwellProcess {
    if (this.#process === undefined) throw new Error('It was not started.')
    return this.#process
  }
}
