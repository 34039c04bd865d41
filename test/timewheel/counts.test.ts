// The wheel counts how many messages wait. After a crash the count is put together from the checkpoint, the rows that
// overflow has and what `__delay` says since; each test is a way in which one of them was counted twice or not at all.

import t from 'tap'
import { settle } from '../support/manual-clock.ts'
import { WheelRig } from '../support/wheel.ts'

const REACH_SECONDS = 60
const CHECKPOINT = 'checkpoint'

type Step = number | typeof CHECKPOINT | { publish: number } | { cancel: number } | { move: number; to: number }

/** Due times, changes and pauses in seconds since the start; messages are cancelled and moved by their first due time. */
const CASES: { name: string; steps: Step[]; pending: number }[] = [
  {
    name: 'a row that the hand has passed since the checkpoint waits no more',
    steps: [{ publish: 100 }, CHECKPOINT, 101],
    pending: 0,
  },
  {
    name: 'a row of a message that was published after the checkpoint is not in its count',
    steps: [{ publish: 200 }, CHECKPOINT, { publish: 100 }, { publish: 110 }, 111],
    pending: 1,
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
  {
    name: 'a row that was moved into a slot since the checkpoint, and is behind the hand by then',
    steps: [{ publish: 100 }, { publish: 190 }, CHECKPOINT, { move: 100, to: 20 }, 110],
    pending: 1,
  },
  {
    name: 'a row that was moved further since the checkpoint, its old place behind the hand by then',
    steps: [{ publish: 100 }, { publish: 105 }, CHECKPOINT, { move: 100, to: 200 }, 110],
    pending: 1,
  },
  {
    name: 'a message in a slot that was moved into overflow since the checkpoint, and cancelled there',
    steps: [{ publish: 30 }, { publish: 31 }, CHECKPOINT, { move: 30, to: 200 }, 1, { cancel: 30 }],
    pending: 1,
  },
  {
    name: 'messages of the second in which the hand stands',
    steps: [{ publish: 5 }, { publish: 5.2 }, { publish: 5.9 }, { publish: 6 }, CHECKPOINT, { move: 6, to: 5.95 }, 5.3],
    pending: 2,
  },
]

for (const { name, steps, pending } of CASES) {
  t.test(name, async (t) => {
    const rig = new WheelRig({ slots: REACH_SECONDS })
    t.teardown(() => rig.close())
    await rig.start()
    const places = new Map<number, { dueAtMs: number; offset: number }>()
    for (const step of steps) {
      if (typeof step === 'number') for (let s = step; s > 0; s--) await rig.clock.advance(Math.min(1, s) * 1_000)
      else if (step === CHECKPOINT) await rig.wheel.checkpoint()
      else if ('publish' in step) {
        const dueAtMs = rig.startMs + step.publish * 1_000
        places.set(step.publish, (await rig.publish([{ dueAtMs, text: `due at ${step.publish}` }]))[0])
      } else if ('move' in step) {
        const place = places.get(step.move) as { dueAtMs: number; offset: number }
        t.match(await rig.wheel.reschedule('orders', place, rig.startMs + step.to * 1_000), { state: 'pending' })
        await rig.rest(0)
      } else {
        t.equal(
          await rig.wheel.cancel('orders', places.get(step.cancel) as { dueAtMs: number; offset: number }),
          'cancelled',
        )
        // The removal of its row is durable.
        await rig.rest()
      }
    }
    // Slots are read from a real disk.
    const counted = async () => {
      for (let i = 0; i < 500 && rig.wheel.stats().pending !== pending; i++) await settle()
      return rig.wheel.stats().pending
    }
    t.equal(await counted(), pending, 'before the crash')
    await rig.crash()
    await rig.start()
    await rig.rest()
    t.equal(await counted(), pending, 'after it')
  })
}
