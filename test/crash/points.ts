// The named points of a run: how often each was passed, and where the next server shall die.
//
// A server appends the name of each point that it passes to a file, one line each, before it goes on: a line is there
// even when the process is killed a moment later. The last line of a server that was told where to die begins with `!`.

import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import type { SeededRandom } from '../support/seeded-random.ts'

/** Points that every run of full length must have passed: one that was never passed fails the run. */
export const REQUIRED_POINTS = around([
  // An append, the journal's next file, and an old one that is used again.
  'write journal',
  'sync journal',
  'rename journal',
  'syncDirectory journal',
  // Segments roll, are written, are taken by retention; indexes.
  'sync segment',
  'sync offset-index',
  'sync time-index',
  'remove segment',
  'remove offset-index',
  'syncDirectory partition',
  'removeTree partition',
  'syncDirectory topics',
  // Many small tails in one file.
  'sync run',
  'syncDirectory runs',
  // The log's checkpoint.
  'sync checkpoint',
  'rename checkpoint',
  'syncDirectory root',
  // The wheel: slots are written, read, synced and deleted; overflow rows come and go.
  'write slot',
  'remove slot',
  'sync wheel-checkpoint',
  'rename wheel-checkpoint',
  'sync slot',
  'sync synced-checkpoint',
  'rename synced-checkpoint',
  'write overflow-rows',
  'clear overflow-rows',
  'write index-rows',
  // Delivery: what groups and dead letters append.
  'append acquire',
  'append accept',
  'append renew',
  'append release',
  'append death',
  'append park',
  'append hold',
  'append snapshot',
  'append redrive',
  'append redrive-task',
  'append purge',
  // Beginning and end.
  'syncDirectory lock',
  'sync identity',
  'rename identity',
])

/** What takes a longer run. */
export const SELDOM_POINTS = around([
  'sync cleaned-segment',
  'rename swapped-segment',
  'rename segment',
  'sync cleaned-mark',
  'rename cleaned-mark',
  'remove run',
  'rename reserve',
  'remove reserve',
  'remove owner',
  // A second with more messages than are read at once, out of order.
  'remove sorted-slot',
  'append forget',
])

function around(points: readonly string[]): string[] {
  return points.flatMap((point) => [`before ${point}`, `after ${point}`])
}

/** Where a server shall die: when it passes one of these points as often as is said beside it; `*` is any point. */
export type Fates = Record<string, number>

/** In the server: notes each point, and kills the process at the first of its fates. */
export function notePoints(path: string, fates: Fates): (point: string) => void {
  const file = openSync(path, 'a')
  const left = new Map(Object.entries(fates))
  const isFatal = (point: string) => {
    const hits = left.get(point)
    if (hits === undefined) return false
    left.set(point, hits - 1)
    return hits === 1
  }
  return (point) => {
    const last = [point, '*'].map(isFatal).includes(true)
    writeSync(file, last ? `!${point}\n` : `${point}\n`)
    if (!last) return
    closeSync(file)
    process.kill(process.pid, 'SIGKILL')
    // The signal is on its way; nothing more may run.
    for (;;);
  }
}

export interface PointCount {
  point: string
  passed: number
  died: number
}

const READ_SIZE = 1024 * 1024

export class Points {
  readonly #file: number
  readonly #counts = new Map<string, PointCount>()
  #position = 0
  #rest = ''

  constructor(path: string) {
    this.#file = openSync(path, 'a+')
  }

  /** How often each point was passed, and how many servers died there. */
  counts(): PointCount[] {
    this.#readOn()
    return [...this.#counts.values()].sort((a, b) => (a.point < b.point ? -1 : 1))
  }

  /**
   * Where the next server may die: at about half of the points at which the fewest did, some of them not at once; of
   * those only whose names fit `among`.
   */
  choose(random: SeededRandom, among = /^/): Fates {
    const counts = this.counts().filter(({ point }) => among.test(point))
    const fewest = Math.min(...counts.map(({ died }) => died))
    const chosen = counts.filter(({ died }) => died === fewest && random.chance(0.5))
    return Object.fromEntries(chosen.map(({ point }) => [point, random.chance(0.7) ? 1 : random.between(2, 8)]))
  }

  #readOn(): void {
    const bytes = Buffer.allocUnsafe(READ_SIZE)
    for (;;) {
      const size = readSync(this.#file, bytes, 0, READ_SIZE, this.#position)
      if (size === 0) return
      this.#position += size
      const lines = (this.#rest + bytes.toString('latin1', 0, size)).split('\n')
      this.#rest = lines.pop() as string
      for (const line of lines) this.#count(line)
    }
  }

  #count(line: string): void {
    const point = line.replace(/^!/, '')
    const count = this.#counts.get(point) ?? { point, passed: 0, died: 0 }
    count.passed++
    if (line !== point) count.died++
    this.#counts.set(point, count)
  }
}
