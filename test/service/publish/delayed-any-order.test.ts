// Promises 2, 3 and 7: whatever is asked of delayed messages, in whatever order and however much at once, also with the
// process dying in between, each answer is definite. What lies in the topic at the end, and when it came there, agrees with
// every one of them.

import fc from 'fast-check'
import t from 'tap'
import { settle } from '../../support/manual-clock.ts'
import { DelayedRig } from './delayed-rig.ts'
import { DelayedStory } from './delayed-story.ts'

const RUNS = Number(process.env.DWELL_PROPERTY_RUNS ?? 200)
/** Printed, so that a story that never ends can be told again. */
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

/** How far ahead messages are due: at once, in the ready queue, in slots, in overflow. The reach is 20 s. */
const delayMs = fc.oneof(
  fc.constantFrom(-500, 0, 1, 250, 500, 1_000),
  fc.integer({ min: 1, max: 3_000 }),
  fc.integer({ min: 3_000, max: 22_000 }),
  fc.integer({ min: 18_000, max: 70_000 }),
)
const n = fc.nat(1_000)

type Step =
  | { type: 'publish'; delaysMs: number[]; own: boolean }
  | { type: 'cancel' | 'dispatch' | 'look up'; n: number }
  | { type: 'reschedule'; n: number; delayMs: number }
  | { type: 'advance'; ms: number }
  | { type: 'to due'; n: number }
  | { type: 'rest'; turns: number }
  | { type: 'hold' | 'release' | 'checkpoint' | 'crash' | 'reboot' }

const ofType = <T extends string>(...types: T[]) => fc.constantFrom(...types)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: ofType('publish'),
      delaysMs: fc.array(delayMs, { minLength: 1, maxLength: 4 }),
      own: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ type: ofType('cancel', 'dispatch', 'look up'), n }) },
  { weight: 6, arbitrary: fc.record({ type: ofType('reschedule'), n, delayMs }) },
  { weight: 3, arbitrary: fc.record({ type: ofType('advance'), ms: fc.integer({ min: 1, max: 9_000 }) }) },
  { weight: 4, arbitrary: fc.record({ type: ofType('to due'), n }) },
  { weight: 5, arbitrary: fc.record({ type: ofType('rest'), turns: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ type: ofType('hold', 'release') }) },
  { weight: 4, arbitrary: fc.record({ type: ofType('checkpoint', 'checkpoint', 'crash', 'reboot') }) },
)

async function take(step: Step, story: DelayedStory, rig: DelayedRig): Promise<void> {
  switch (step.type) {
    case 'publish':
      return story.publish(step.delaysMs, step.own)
    case 'cancel':
      return story.cancel(step.n)
    case 'dispatch':
      return story.dispatchNow(step.n)
    case 'reschedule':
      return story.reschedule(step.n, step.delayMs)
    case 'look up':
      return story.lookUp(step.n)
    case 'advance':
      return rig.clock.advance(step.ms)
    case 'to due':
      return rig.clock.advance(Math.max(0, story.dueInMs(step.n)))
    case 'rest':
      return settle(step.turns)
    case 'hold':
      rig.engine.held = true
      return
    case 'release':
      rig.engine.held = false
      return rig.engine.release()
    case 'checkpoint':
      return void rig.checkpoint().catch(() => {})
    case 'crash':
    case 'reboot':
      story.cut()
      rig.crash()
      if (step.type === 'reboot') rig.clock.reboot()
      return rig.start()
  }
}

t.test('every answer agrees with the outcome, whatever the order', async (t) => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
    const rig = new DelayedRig()
    const story = new DelayedStory(rig)
    try {
      await rig.start()
      for (const step of steps) await take(step, story, rig)
      rig.engine.held = false
      rig.engine.release()
      await settle(50)
      const counted = await story.wrongCounts()
      await rig.drained()
      const wrong = [...counted, ...(await story.contradictions())]
      if (wrong.length > 0) throw new Error(wrong.join('\n'))
    } finally {
      rig.crash()
    }
  })
  t.comment(`seed ${SEED}`)
  await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: false })
  t.pass()
})
