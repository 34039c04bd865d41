// The wheel counts how many messages wait. After a crash the count is put together from the checkpoint, the rows that
// overflow has and what `__delay` says since; each test is a way in which one of them was counted twice or not at all.

import t from 'tap'
import { WheelRig } from '../support/wheel.ts'

const REACH_SECONDS = 60
const CHECKPOINT = 'checkpoint'

type Step = number | typeof CHECKPOINT | { publish: number } | { cancel: number }

/** Due times, cancels and pauses in seconds since the start; messages are cancelled by their due time. */
const CASES: { name: string; steps: Step[]; pending: number }[] = [
  {
    name: 'a row that the hand has passed since the checkpoint waits no more',
    steps: [{ publish: 100 }, CHECKPOINT, 101],
    pending: 0,
  },
  {
    name: 'a row of a message that was published after the checkpoint is not in its count',
    steps: [CHECKPOINT, { publish: 100 }, { publish: 110 }, 111],
    pending: 0,
  },
  {
    name: 'a row that a cancel has removed since the checkpoint is in its count',
    steps: [{ publish: 100 }, { publish: 105 }, { publish: 120 }, CHECKPOINT, { cancel: 100 }, 106],
    pending: 1,
  },
  {
    name: 'a cancelled row that the hand has not passed is taken off once',
    steps: [{ publish: 100 }, { publish: 120 }, CHECKPOINT, { cancel: 120 }, 1],
    pending: 1,
  },
]

for (const { name, steps, pending } of CASES) {
  t.test(name, async (t) => {
    const rig = new WheelRig({ slots: REACH_SECONDS })
    t.teardown(() => rig.close())
    await rig.start()
    const places = new Map<number, { dueAtMs: number; offset: number }>()
    for (const step of steps) {
      if (typeof step === 'number') for (let i = 0; i < step; i++) await rig.clock.advance(1_000)
      else if (step === CHECKPOINT) await rig.wheel.checkpoint()
      else if ('publish' in step) {
        const dueAtMs = rig.startMs + step.publish * 1_000
        places.set(step.publish, (await rig.publish([{ dueAtMs, text: `due at ${step.publish}` }]))[0])
      } else {
        t.equal(
          await rig.wheel.cancel('orders', places.get(step.cancel) as { dueAtMs: number; offset: number }),
          'cancelled',
        )
        // The removal of its row is durable.
        await rig.rest()
      }
    }
    t.equal(rig.wheel.stats().pending, pending, 'before the crash')
    await rig.crash()
    await rig.start()
    await rig.rest()
    t.equal(rig.wheel.stats().pending, pending, 'after it')
  })
}
