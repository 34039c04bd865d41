import fc from 'fast-check'
import t from 'tap'
import { Census } from '../../timewheel/census/census.ts'
import { forecast } from '../../timewheel/census/forecast.ts'

const START = Math.floor(Date.UTC(2026, 10, 20, 10) / 1000)

const message = fc.record({
  /** Undefined: beyond the reach. */
  second: fc.option(fc.integer({ min: START - 10, max: START + 300 }), { nil: undefined }),
  topicId: fc.integer({ min: 1, max: 4 }),
})

/** The numbers of a forecast, counted one by one. */
function counted(seconds: (number | undefined)[], fromSecond: number, stepSeconds: number, steps: number) {
  const counts = new Array<number>(steps).fill(0)
  let [overdue, later] = [0, 0]
  for (const second of seconds) {
    if (second !== undefined && second < fromSecond) overdue++
    else if (second === undefined || second >= fromSecond + stepSeconds * steps) later++
    else counts[Math.floor((second - fromSecond) / stepSeconds)]++
  }
  return { counts, overdue, later }
}

t.test('a forecast is what counting the messages would say', async (t) => {
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 300, size: 'max' }),
      fc.integer({ min: START - 15, max: START + 100 }),
      fc.constantFrom(1, 60),
      fc.integer({ min: 0, max: 200 }),
      (messages, fromSecond, stepSeconds, steps) => {
        const census = new Census()
        for (const { second, topicId } of messages) {
          if (second === undefined) census.addLater(topicId, 0)
          else census.add(second * 1000 + 500, topicId, 0)
        }
        for (const topicId of [undefined, 1, 4, 9]) {
          const own = messages.filter((m) => topicId === undefined || m.topicId === topicId).map(({ second }) => second)
          t.strictSame(forecast(census, { fromSecond, stepSeconds, steps, topicId }), {
            ...counted(own, fromSecond, stepSeconds, steps),
            isEstimate: false,
          })
        }
      },
    ),
    { numRuns: 100 },
  )
})

t.test('an estimate says so, adds up, and has every minute right', async (t) => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 300, size: 'max' }), (messages) => {
      const census = new Census(3)
      for (const { second, topicId } of messages) {
        if (second === undefined) census.addLater(topicId, 0)
        else census.add(second * 1000 + 500, topicId, 0)
      }
      for (const topicId of [1, 2, 3, 4]) {
        const own = messages.filter((m) => m.topicId === topicId).map(({ second }) => second)
        const minute = Math.floor(START / 60) * 60
        const span = { fromSecond: minute, steps: 180, topicId }
        const { counts, overdue, later, isEstimate } = forecast(census, { ...span, stepSeconds: 1 })
        const truth = counted(own, minute, 1, 180)
        t.equal(
          counts.reduce((sum, count) => sum + count, overdue + later),
          own.length,
        )
        t.ok([...counts, overdue, later].every((count) => Number.isInteger(count) && count >= 0))
        if (!isEstimate) t.strictSame(counts, truth.counts)
        const minutes = forecast(census, { ...span, steps: 3, stepSeconds: 60 })
        t.strictSame(minutes.counts, counted(own, minute, 60, 3).counts)
      }
    }),
    { numRuns: 100 },
  )
})
