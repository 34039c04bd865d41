// How many messages wait, by the model, and by the wheel: in all, by topic and by second.

import type { Wheel } from '../../timewheel/index.ts'

export interface Counts {
  pending: number
  byTopic: ReadonlyMap<number, number>
  /** Of each second within reach. */
  bySecond: ReadonlyMap<number, number>
  /** Beyond it. */
  later: number
}

/** What the wheel counts now. */
export function countsOf(wheel: Wheel, topicIds: Iterable<number>): Counts {
  const { census } = wheel
  const bySecond = new Map(census.seconds.map((second) => [second, census.dueIn(second)]))
  const byTopic = new Map(Array.from(topicIds, (topicId) => [topicId, census.countOf(topicId)]))
  return { pending: wheel.stats().pending, byTopic, bySecond, later: census.later }
}

export class Truth {
  #waiting = 0
  /** Of those nobody knows whether they wait, or until when. */
  #doubtful = 0
  readonly #bySecond = new Map<number, number>()
  readonly #byTopic = new Map<number, { waiting: number; doubtful: number }>()

  /** One that waits until `dueAtMs`; undefined when it may wait. */
  add(topicId: number, dueAtMs: number | undefined): void {
    const topic = this.#byTopic.get(topicId) ?? { waiting: 0, doubtful: 0 }
    this.#byTopic.set(topicId, topic)
    if (dueAtMs === undefined) {
      this.#doubtful++
      topic.doubtful++
      return
    }
    this.#waiting++
    topic.waiting++
    const second = Math.floor(dueAtMs / 1000)
    this.#bySecond.set(second, (this.#bySecond.get(second) ?? 0) + 1)
  }

  /** Where counts do not agree, in words. */
  *contradictions({ pending, byTopic, bySecond, later }: Counts): Iterable<string> {
    const range = (from: number, more: number) => (more > 0 ? `${from} to ${from + more}` : `${from}`)
    if (pending < this.#waiting || pending > this.#waiting + this.#doubtful)
      yield `the wheel counts ${pending} pending, there are ${range(this.#waiting, this.#doubtful)}`
    for (const [topicId, { waiting, doubtful }] of this.#byTopic) {
      const count = byTopic.get(topicId) ?? 0
      if (count < waiting || count > waiting + doubtful)
        yield `the wheel counts ${count} pending for topic ${topicId}, there are ${range(waiting, doubtful)}`
    }
    let sum = later
    for (const [second, count] of bySecond) {
      sum += count
      const truth = this.#bySecond.get(second) ?? 0
      if (count > truth + this.#doubtful)
        yield `the wheel counts ${count} due in second ${second}, there are ${range(truth, this.#doubtful)}`
    }
    if (sum !== pending) yield `the wheel counts ${pending} pending, and ${sum} by second and later`
  }
}
