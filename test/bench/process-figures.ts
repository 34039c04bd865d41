// What a process costs, from /proc: the time it had of the cores, and its memory, sampled all along.

import { readFileSync } from 'node:fs'

/** The kernel counts in hundredths of a second, on every Linux that Node runs on. */
const TICK_MS = 10
const SAMPLE_MS = 100
const MIB = 1024 * 1024

/** Time of cores that the process had since it began, in milliseconds. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The second field is the name, in parentheses, with whatever it holds.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** Answers what tells the share of a core that the process had since this call, in per cent. */
export function cpuShareSince(pid: number): () => number {
  const [startMs, startCpuMs] = [performance.now(), cpuMs(pid)]
  return () => Math.round((100 * (cpuMs(pid) - startCpuMs)) / (performance.now() - startMs))
}

/** VmRSS in MiB. */
export function residentMib(pid: number): number {
  return (Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024) / MIB
}

/** Samples the memory of one process until it is stopped, and tells the most it had. */
export class MemorySampler {
  readonly #timer: NodeJS.Timeout
  #mostMib = 0

  /** `pid` is asked anew each time: a server that is killed and started again has another. */
  constructor(pid: () => number) {
    this.#timer = setInterval(() => {
      try {
        const mib = residentMib(pid())
        // A process that has just ended is there for a moment without memory.
        if (mib > this.#mostMib) this.#mostMib = mib
      } catch {
        // It is just being started again.
      }
    }, SAMPLE_MS)
  }

  /** The most since the last call. */
  takeMostMib(): number {
    const mostMib = this.#mostMib
    this.#mostMib = 0
    return mostMib
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
