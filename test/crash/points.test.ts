import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SeededRandom } from '../support/seeded-random.ts'
import { type Fates, Points, REQUIRED_POINTS, SELDOM_POINTS } from './points.ts'

/** A process that passes points, and would pass one more. */
function pass(path: string, fates: Fates, points: string[]): NodeJS.Signals | null {
  const module = join(import.meta.dirname, 'points.ts')
  const program = `
    import { notePoints } from ${JSON.stringify(module)}
    const note = notePoints(${JSON.stringify(path)}, ${JSON.stringify(fates)})
    for (const point of ${JSON.stringify([...points, 'end'])}) note(point)`
  return spawnSync(process.execPath, ['--input-type=module', '--eval', program]).signal
}

t.test('a process dies at the first of its fates, and its last line says so', async (t) => {
  const path = join(t.testdir(), 'points')
  t.equal(pass(path, { b: 2, c: 3 }, ['a', 'b', 'c', 'b', 'c']), 'SIGKILL')
  t.equal(readFileSync(path, 'latin1'), 'a\nb\nc\n!b\n')
  t.equal(pass(path, { '*': 2 }, ['a', 'b', 'c']), 'SIGKILL')
  t.equal(pass(path, { a: 2 }, ['a']), null)
  t.same(new Points(path).counts(), [
    { point: 'a', passed: 3, died: 0 },
    { point: 'b', passed: 3, died: 2 },
    { point: 'c', passed: 1, died: 0 },
    { point: 'end', passed: 1, died: 0 },
  ])
})

t.test('counting goes on where it ended', async (t) => {
  const path = join(t.testdir(), 'points')
  const points = new Points(path)
  t.same(points.counts(), [])
  appendFileSync(path, 'before sync a\nafter sy')
  t.same(points.counts(), [{ point: 'before sync a', passed: 1, died: 0 }])
  appendFileSync(path, 'nc a\n')
  t.same(points.counts().at(0), { point: 'after sync a', passed: 1, died: 0 })
})

t.test('the next server dies where the fewest did', async (t) => {
  const path = join(t.testdir(), 'points')
  appendFileSync(path, 'a\n!a\nb\nc\n!c\nd\n')
  const points = new Points(path)
  const random = new SeededRandom(1)
  const chosen = new Set(Array.from({ length: 50 }, () => Object.keys(points.choose(random))).flat())
  t.same([...chosen].sort(), ['b', 'd'])
  const some = Array.from({ length: 20 }, () => Object.keys(points.choose(random, /[ac]/))).flat()
  t.same([...new Set(some)].sort(), ['a', 'c'])
})

t.test('required points are named once', async (t) => {
  const all = [...REQUIRED_POINTS, ...SELDOM_POINTS]
  t.equal(new Set(all).size, all.length)
})
