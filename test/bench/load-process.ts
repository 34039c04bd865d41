// A load in a process of its own, so that making it takes nothing from the server's event loop; and what keeps such a
// process honest: how much of a core it had, and how late its own event loop was.

import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface LoadFigures {
  /** Its share of a core since it was ready. */
  cpuPercent: number
  /** What it had of the cores since it began. */
  cpuMs: number
  /** How late its event loop came to what it had to do. */
  loopP99Ms: number
  loopMaxMs: number
}

type Said<Result> = { kind: 'ready' } | { kind: 'done'; result: Result & LoadFigures }

/** The parent's end. */
export class LoadProcess<Result> {
  readonly #child: ChildProcess
  readonly ready: Promise<void>
  /** Rejects when the process ends without one. */
  readonly result: Promise<Result & LoadFigures>

  /** Starts `program`, a file of this folder. */
  constructor(program: string, options: object) {
    const child = fork(join(import.meta.dirname, program), [JSON.stringify(options)], { serialization: 'advanced' })
    const ready = Promise.withResolvers<void>()
    const result = Promise.withResolvers<Result & LoadFigures>()
    child.on('message', (said: Said<Result>) => {
      if (said.kind === 'ready') ready.resolve()
      else result.resolve(said.result)
    })
    child.once('exit', (code, signal) => {
      const error = new Error(`${program} ended (code ${code}, signal ${signal}) without a result`)
      ready.reject(error)
      result.reject(error)
    })
    result.promise.catch(() => {})
    this.#child = child
    this.ready = ready.promise
    this.result = result.promise
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Says something to it, what, is between it and the caller; nothing when it has ended: the result says that. */
  tell(what: object | string): void {
    if (this.#child.connected) this.#child.send(what)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** The other end: runs the load, given its options, and hands its result over. */
export async function runLoad<Options, Told, Result extends object>(
  load: (options: Options, ready: () => void, onTold: (tell: (what: Told) => void) => void) => Promise<Result>,
): Promise<void> {
  const send = (said: Said<Result>) => new Promise((resolve) => process.send?.(said, resolve))
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let [startMs, startCpuMs] = [performance.now(), 0]
  const ready = () => {
    delay.enable()
    startMs = performance.now()
    const { user, system } = process.cpuUsage()
    startCpuMs = (user + system) / 1000
    void send({ kind: 'ready' })
  }
  const onTold = (tell: (what: Told) => void) => process.on('message', (what) => tell(what as Told))
  const result = await load(JSON.parse(process.argv[2]), ready, onTold)
  const { user, system } = process.cpuUsage()
  const cpuMs = (user + system) / 1000
  const figures: LoadFigures = {
    cpuPercent: (100 * (cpuMs - startCpuMs)) / (performance.now() - startMs),
    cpuMs,
    // It measures a timer of one millisecond, that millisecond included.
    loopP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 1),
    loopMaxMs: Math.max(0, delay.max / 1e6 - 1),
  }
  await send({ kind: 'done', result: { ...result, ...figures } })
  process.exit(0)
}
