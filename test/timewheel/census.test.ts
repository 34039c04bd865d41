// The census against a plain list of what waits. Seconds lie around a full minute, and few pages are allowed, so that most
// runs count loose messages too. test/faults/README.md row A24.

import fc from 'fast-check'
import t from 'tap'
import { Census } from '../../timewheel/census/census.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const START = Math.floor(Date.UTC(2026, 10, 20, 10) / 1000)

type Change =
  | { kind: 'add'; second: number; topicId: number; bytes: number }
  | { kind: 'add later'; topicId: number; bytes: number }
  /** Of what waits, the one at this share of the list. */
  | { kind: 'remove'; share: number }
  | { kind: 'arrive'; share: number; second: number }
  | { kind: 'restart' }

interface Waiting {
  topicId: number
  bytes: number
  /** Undefined: beyond the reach. */
  second: number | undefined
}

const second = fc.integer({ min: START - 5, max: START + 125 })
const topicId = fc.integer({ min: 1, max: 5 })
const bytes = fc.nat(2 ** 31)
const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('add' as const), second, topicId, bytes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('add later' as const), topicId, bytes }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove' as const), share }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('arrive' as const), share, second }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
)

function apply(census: Census, model: Waiting[], given: Change, pagesMax: number): Census {
  if (given.kind === 'restart') return Census.decode(census.encode(), pagesMax)
  if (given.kind === 'add') {
    census.add(given.second * 1000 + 7, given.topicId, given.bytes)
    model.push({ topicId: given.topicId, second: given.second, bytes: given.bytes })
  } else if (given.kind === 'add later') {
    census.addLater(given.topicId, given.bytes)
    model.push({ topicId: given.topicId, second: undefined, bytes: given.bytes })
  } else if (model.length > 0) {
    const index = Math.floor(given.share * model.length)
    const chosen = model[index]
    if (given.kind === 'remove') {
      model.splice(index, 1)
      if (chosen.second === undefined) census.removeLater(chosen.topicId, chosen.bytes)
      else census.remove(chosen.second * 1000 + 999, chosen.topicId, chosen.bytes)
    } else if (chosen.second === undefined) {
      chosen.second = given.second
      census.arrive(given.second * 1000, chosen.topicId, chosen.bytes)
    }
  }
  return census
}

function checkSums(census: Census, model: readonly Waiting[]): void {
  const of = (fits: (waiting: Waiting) => boolean) => model.filter(fits).length
  equal(census.count, model.length, 'count')
  equal(
    census.later,
    of(({ second }) => second === undefined),
    'later',
  )
  const seconds = new Set(model.map(({ second }) => second).filter((second) => second !== undefined))
  equal([...census.seconds].sort().join(), [...seconds].sort().join(), 'seconds')
  for (const at of seconds)
    equal(
      census.dueIn(at),
      of(({ second }) => second === at),
      `due in ${at}`,
    )
}

function checkBytes(census: Census, model: readonly Waiting[]): void {
  for (let topicId = 1; topicId <= 5; topicId++)
    equal(census.bytesOf(topicId), sumOf(model, topicId), `bytes of ${topicId}`)
}

function sumOf(model: readonly Waiting[], topicId: number): number {
  return model.reduce((sum, waiting) => sum + (waiting.topicId === topicId ? waiting.bytes : 0), 0)
}

function checkTopics(census: Census, model: readonly Waiting[], exactly: boolean): void {
  for (let topicId = 1; topicId <= 5; topicId++) {
    const own = model.filter((waiting) => waiting.topicId === topicId)
    equal(census.countOf(topicId), own.length, `count of ${topicId}`)
    equal(census.laterOf(topicId), own.filter(({ second }) => second === undefined).length, `later of ${topicId}`)
    let sum = 0
    for (let at = START - 5; at <= START + 125; at++) {
      const due = census.dueIn(at, topicId)
      const truth = own.filter(({ second }) => second === at).length
      sum += due
      if (exactly || !census.isEstimate(at, topicId)) equal(due, truth, `${topicId} in ${at}`)
      if (truth > 0 && !(due > 0)) throw new Error(`${topicId} in ${at}: nothing said of ${truth}`)
    }
    equal(Math.round(sum * 1e6) / 1e6, own.length - census.laterOf(topicId), `sum of ${topicId}`)
  }
}

function equal<T>(found: T, wanted: T, what: string): void {
  if (found !== wanted) throw new Error(`${what}: ${found}, not ${wanted}`)
}

for (const pagesMax of [1_000_000, 4, 0]) {
  t.test(`the census is what waits, with ${pagesMax} pages`, async () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 300, size: 'max' }), (changes) => {
        let census = new Census(pagesMax)
        const model: Waiting[] = []
        for (const given of changes) census = apply(census, model, given, pagesMax)
        checkSums(census, model)
        checkTopics(census, model, pagesMax > 1000)
        checkBytes(census, model)
      }),
      { numRuns: 300 },
    )
  })

  t.test(`what is over is dropped at a start, and guesses are over with their minute (${pagesMax} pages)`, async () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200, size: 'max' }), second, (changes, hand) => {
        let census = new Census(pagesMax)
        const before: Waiting[] = []
        for (const given of changes) census = apply(census, before, given, pagesMax)
        census = Census.decode(census.encode(), pagesMax)
        census.dropUpTo(hand)
        const model = before.filter(({ second }) => second === undefined || second > hand)
        checkSums(census, model)
        if (pagesMax > 1000) checkTopics(census, model, true)
        const minuteEnd = Math.floor(hand / 60) * 60 + 59
        const rest = model.filter(({ second }) => second === undefined || second > minuteEnd)
        for (let topicId = 1; topicId <= 5; topicId++) {
          const most = sumOf(before, topicId)
          const found = census.bytesOf(topicId)
          if (found < sumOf(rest, topicId) || found > most) throw new Error(`bytes of ${topicId}: ${found} of ${most}`)
        }
        for (const { second, topicId, bytes } of model) {
          if (second !== undefined && second <= minuteEnd) census.remove(second * 1000, topicId, bytes)
        }
        checkBytes(census, rest)
        checkSums(census, rest)
        checkTopics(census, rest, pagesMax > 1000)
      }),
      { numRuns: 300 },
    )
  })
}

t.test('the busiest topics come first', async (t) => {
  const census = new Census()
  for (const topicId of [3, 1, 2, 3, 3, 2]) census.add(START * 1000, topicId, 10)
  census.addLater(1, 10)
  census.addLater(4, 10)
  t.strictSame(census.busiest(3), [
    { topicId: 3, waiting: 3 },
    { topicId: 1, waiting: 2 },
    { topicId: 2, waiting: 2 },
  ])
})

t.test('seconds beyond 2106 are told from those of today', async (t) => {
  for (const start of [2 ** 32 - 2, 2 ** 32 + 100, 2 ** 37]) {
    const census = new Census(3)
    for (let i = 0; i < 10; i++) census.add((start + i) * 1000, 1, 10)
    const again = Census.decode(census.encode(), 3)
    again.dropUpTo(start + 4)
    t.strictSame(
      [...again.seconds].sort(),
      [5, 6, 7, 8, 9].map((i) => start + i),
    )
    t.equal(again.countOf(1), 5)
  }
})

t.test('10,000 topics with messages in each of 7,200 seconds stay within 81 MiB', async (t) => {
  const census = new Census()
  // Enough of the 72 million pairs, well mixed, for all pages and for nearly every minute of every topic.
  const chance = new SeededRandom(5)
  let ofTopic17 = 0
  for (let i = 0; i < 5_000_000; i++) {
    const topicId = chance.between(1, 10_000)
    if (topicId === 17) ofTopic17++
    census.add((START + chance.between(0, 7_199)) * 1000, topicId, 10)
  }
  t.equal(census.count, 5_000_000)
  t.ok(census.bytes <= 81 * 1024 * 1024, `${census.bytes} bytes`)
  t.equal(census.countOf(17), ofTopic17)
})
