import fc from 'fast-check'
import t from 'tap'
import { forEachCount } from '../../timewheel/census/census-bytes.ts'
import { BY_MINUTE, BY_SECOND, MinuteCounts, NOWHERE } from '../../timewheel/census/minute-counts.ts'

const TOPICS = 12
const MINUTES = 15

/** What there is of each second and topic, cells without a page left out. */
function contentOf(counts: MinuteCounts): Map<string, number> {
  const content = new Map<string, number>()
  forEachCount(counts.pack(), (second, topicId, count) => content.set(`${second}/${topicId}`, count))
  return content
}

t.test('counts are what a map would hold, whatever is added and removed', async (t) => {
  const change = fc.record({
    // Few seconds of each minute, so that cells empty again; enough cells that they stand in each other's way.
    second: fc.tuple(fc.nat(MINUTES - 1), fc.constantFrom(0, 31, 32, 59)).map(([minute, i]) => minute * 60 + i),
    topicId: fc.nat(TOPICS - 1),
    isAdded: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1000, maxLength: 2000, size: 'max' }), (changes) => {
      const counts = new MinuteCounts()
      const model = new Map<string, number>()
      for (const { second, topicId, isAdded } of changes) {
        const key = `${second}/${topicId}`
        const before = model.get(key) ?? 0
        if (isAdded) {
          if (counts.add(second, topicId, 2) !== BY_SECOND) return false
          model.set(key, before + 2)
        } else {
          if (counts.remove(second, topicId) !== (before > 0 ? BY_SECOND : NOWHERE)) return false
          if (before > 1) model.set(key, before - 1)
          else model.delete(key)
        }
        if (counts.inSecond(second, topicId) !== (model.get(key) ?? 0)) return false
      }
      t.strictSame(new Map([...contentOf(counts)].sort()), new Map([...model].sort()))
      return true
    }),
    { numRuns: 100 },
  )
})

t.test('what goes leaves room: a moving window of cells takes no more memory, and all of them are found', async (t) => {
  const counts = new MinuteCounts(600)
  let lost = 0
  for (let minute = 0; minute < 60_000; minute++) {
    if (counts.add(minute * 60 + 7, 1, 1) !== BY_SECOND) lost++
    if (minute >= 500 && counts.remove((minute - 500) * 60 + 7, 1) !== BY_SECOND) lost++
  }
  t.equal(lost, 0)
  t.equal(counts.size, 500)
  t.ok(counts.bytes <= 1024 * 16 + 3 * 256 * 256, `${counts.bytes} bytes`)
})

t.test('when all pages are in use a cell counts by minute, as long as it is there', async (t) => {
  const counts = new MinuteCounts(1)
  t.equal(counts.add(60, 1, 1), BY_SECOND)
  t.equal(counts.add(61, 2, 1), BY_MINUTE)
  t.equal(counts.remove(60, 1), BY_SECOND)
  t.equal(counts.add(62, 2, 1), BY_MINUTE, 'though a page is free by now')
  t.strictSame([counts.inSecond(61, 2), counts.inMinute(1, 2), counts.onlyInMinute(1, 2)], [0, 2, 2])
  t.equal(counts.remove(61, 2), BY_MINUTE)
  t.equal(counts.remove(61, 2), BY_MINUTE, 'in whatever second')
  t.equal(counts.remove(62, 2), NOWHERE)
  t.equal(counts.add(62, 2, 1), BY_SECOND)
})
