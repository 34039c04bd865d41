// How many messages will fall due in each of the next steps of time: from the census, without looking at any message.
//
// Always true: overdue, counts and later add up to what waits. Of a topic whose messages are counted by minute only, the
// seconds are an estimate.

import type { Census } from './census.ts'

export interface ForecastOptions {
  /** The first second of the first step. */
  fromSecond: number
  stepSeconds: number
  steps: number
  /** All topics when absent. */
  topicId?: number
}

export interface Forecast {
  counts: number[]
  /** Due before the first step. */
  overdue: number
  /** Due behind the last one. */
  later: number
  isEstimate: boolean
}

export function forecast(census: Census, { fromSecond, stepSeconds, steps, topicId }: ForecastOptions): Forecast {
  // What is overdue comes first, as a step that is as long as it takes.
  const due = new Array<number>(1 + steps).fill(0)
  let isEstimate = false
  for (const second of census.seconds) {
    const step = second < fromSecond ? 0 : 1 + Math.floor((second - fromSecond) / stepSeconds)
    if (step > steps) continue
    due[step] += census.dueIn(second, topicId)
    if (topicId !== undefined && census.isEstimate(second, topicId)) isEstimate = true
  }
  if (isEstimate) roundDown(due)
  const all = topicId === undefined ? census.count : census.countOf(topicId)
  const [overdue, ...counts] = due
  return { counts, overdue, later: all - due.reduce((sum, count) => sum + count, 0), isEstimate }
}

/** What is rounded off one number is added to the next. */
function roundDown(numbers: number[]): void {
  let rest = 0
  for (let i = 0; i < numbers.length; i++) {
    // Fractions of sixty do not quite add up to one.
    const whole = Math.floor(numbers[i] + rest + 1e-9)
    rest += numbers[i] - whole
    numbers[i] = whole
  }
}
