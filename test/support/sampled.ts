// What of a sweep is tried: a sweep does something at every single point, such as every call of the disk, and takes a minute of a
// core. `npm test` tries every fourth point, by chance from SWEEP_SEED, which CI sets to another number for every commit; with
// SWEEP=all (`npm run sweeps`, and the mutants) it tries all.

import { SeededRandom } from './seeded-random.ts'

const SHARE = 0.25

/** The points to be tried, in order; the first one always. */
export function* sampled<T>(points: Iterable<T>): Generator<T> {
  const random = new SeededRandom(Number(process.env.SWEEP_SEED ?? 0))
  const isWhole = process.env.SWEEP === 'all'
  let isFirst = true
  for (const point of points) {
    if (random.chance(SHARE) || isFirst || isWhole) yield point
    isFirst = false
  }
}

/** How many of `count` rounds of chance are run. */
export function sampledCount(count: number): number {
  return process.env.SWEEP === 'all' ? count : Math.ceil(count * SHARE)
}
