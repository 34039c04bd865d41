// The named points of a run: how often each was passed, and where the next server shall die.
//
// A server appends the name of each point that it passes to a file, one line each, before it goes on: a line is there
// even when the process is killed a moment later. The last line of a server that was told where to die begins with `!`.

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { SeededRandom } from '../support/seeded-random.ts'

/** Points that every run of full length must have passed: one that was never passed fails the run. */
export const REQUIRED_POINTS = [
  'write journal',
  'rename journal',
  'sync segment',
  'remove segment',
  'sync offset-index',
  'remove slot',
  'sync checkpoint',
  'rename checkpoint',
  'sync wheel-checkpoint',
  'rename wheel-checkpoint',
  'syncDirectory partition',
].flatMap((point) => [`before ${point}`, `after ${point}`])

/** In the server: notes each point, and kills the process at the `hit`-th time it passes the `fatal` one. */
export function notePoints(path: string, fatal: string | undefined, hit: number): (point: string) => void {
  const file = openSync(path, 'a')
  let hits = 0
  return (point) => {
    const last = point === fatal && ++hits === hit
    writeSync(file, last ? `!${point}\n` : `${point}\n`)
    if (!last) return
    closeSync(file)
    process.kill(process.pid, 'SIGKILL')
    // The signal is on its way; nothing more may run.
    for (;;);
  }
}

/** Where a server shall die: the `hit`-th time it passes `point`. */
export interface Fate {
  point: string
  hit: number
}

export class Points {
  readonly #path: string
  readonly #deaths = new Map<string, number>()

  constructor(path: string) {
    this.#path = path
    closeSync(openSync(path, 'a'))
  }

  /** How often each point was passed, and how many servers died there. */
  counts(): { point: string; passed: number; died: number }[] {
    const passed = new Map<string, number>()
    const died = new Map<string, number>()
    for (const line of readFileSync(this.#path, 'latin1').split('\n').slice(0, -1)) {
      const point = line.replace(/^!/, '')
      passed.set(point, (passed.get(point) ?? 0) + 1)
      if (line !== point) died.set(point, (died.get(point) ?? 0) + 1)
    }
    return [...passed]
      .map(([point, times]) => ({ point, passed: times, died: died.get(point) ?? 0 }))
      .sort((a, b) => (a.point < b.point ? -1 : 1))
  }

  /** A point for the next server to die at: one where few died so far, at a time that it should reach soon. */
  choose(random: SeededRandom, starts: number): Fate | undefined {
    const counts = this.counts()
    if (counts.length === 0) return undefined
    const fewest = Math.min(...counts.map(({ point }) => this.#deaths.get(point) ?? 0))
    const { point, passed } = random.pick(counts.filter((one) => (this.#deaths.get(one.point) ?? 0) === fewest))
    this.#deaths.set(point, fewest + 1)
    // A start passes some points as well, so low numbers are deaths during recovery.
    return { point, hit: random.between(1, Math.max(1, Math.floor(passed / starts / 2))) }
  }
}
