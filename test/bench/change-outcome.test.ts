// The judge of `npm run bench -- changes` is tried with histories that hold, and with a bad one for each way to be wrong.

import t from 'tap'
import { disagreement, type Outcome } from './change-outcome.ts'
import { type ChangePlan, dueAtMs, endMs, isRacing, kindOf, newDueAtMs, turnMs } from './change-plan.ts'

const PLAN: ChangePlan = { count: 1_000, changes: 100, raceFromMs: 1_000_000, raceSpanMs: 60_000 }
const CANCEL = 4
const RESCHEDULE = 104
const ALONE = 500

/** In the log, at its time, once, and so by look-up. */
function dispatched(dueMs: number, more: Partial<Outcome> = {}): Outcome {
  const place = { partition: 1, offset: 7 }
  const lookUp = { state: 'dispatched', dueAtMs: dueMs, ...place }
  return {
    answer: 'done',
    answeredMs: dueMs + 5,
    grantedMs: dueMs,
    times: 1,
    ...place,
    timestampMs: dueMs,
    lookUp,
    ...more,
  }
}

/** Not in the log, and cancelled by look-up. */
function gone(more: Partial<Outcome> = {}): Outcome {
  const nowhere = { times: 0, partition: -1, offset: -1, timestampMs: 0 }
  return { answer: 'done', answeredMs: 0, grantedMs: 0, ...nowhere, lookUp: { state: 'cancelled' }, ...more }
}

t.test('every message has one part in the plan, racing ones come due one after the other', async (t) => {
  const kinds = Array.from({ length: PLAN.count }, (_, n) => kindOf(PLAN, n))
  t.same(
    [kinds.filter((kind) => kind === 'cancel').length, kinds.filter((kind) => kind === 'reschedule').length],
    [100, 100],
  )
  const racing = Array.from({ length: 200 }, (_, n) => n).filter(isRacing)
  t.equal(new Set(racing.map((n) => turnMs(PLAN, n))).size, racing.length, 'each at its own moment')
  for (let n = 0; n < PLAN.count; n++) {
    if (kindOf(PLAN, n) === 'reschedule') t.ok(newDueAtMs(PLAN, n) > turnMs(PLAN, n), `${n} is moved to after its turn`)
    t.ok(Math.max(dueAtMs(PLAN, n), newDueAtMs(PLAN, n)) <= endMs(PLAN))
  }
})

t.test('what agrees is let pass', async (t) => {
  const due = (n: number) => dueAtMs(PLAN, n)
  const cases: [number, Outcome][] = [
    [CANCEL, gone()],
    [CANCEL, gone({ answer: 'info' })],
    [CANCEL, dispatched(due(CANCEL), { answer: 'too late' })],
    [CANCEL, dispatched(due(CANCEL), { answer: 'info' })],
    [RESCHEDULE, dispatched(newDueAtMs(PLAN, RESCHEDULE))],
    [RESCHEDULE, dispatched(due(RESCHEDULE), { answer: 'too late' })],
    [RESCHEDULE, dispatched(due(RESCHEDULE), { answer: 'info' })],
    [RESCHEDULE, dispatched(newDueAtMs(PLAN, RESCHEDULE), { answer: 'info' })],
    [ALONE, dispatched(due(ALONE), { answer: undefined, lookUp: undefined })],
    [
      RESCHEDULE,
      dispatched(newDueAtMs(PLAN, RESCHEDULE), {
        lookUp: { state: 'pending', dueAtMs: newDueAtMs(PLAN, RESCHEDULE) },
      }),
    ],
  ]
  for (const [n, outcome] of cases) t.equal(disagreement(PLAN, n, outcome), undefined, JSON.stringify(outcome))
})

t.test('each way to be wrong is found', async (t) => {
  const due = (n: number) => dueAtMs(PLAN, n)
  const moved = newDueAtMs(PLAN, RESCHEDULE)
  const nowhere = { times: 0, lookUp: undefined }
  const cases: [why: RegExp, n: number, outcome: Outcome][] = [
    [/2 times/, ALONE, dispatched(due(ALONE), { answer: undefined, times: 2 })],
    [/nobody should/, CANCEL, gone({ answer: 'wrong' })],
    [/cancelled and is in the log/, CANCEL, dispatched(due(CANCEL))],
    [/early/, ALONE, dispatched(due(ALONE), { answer: undefined, timestampMs: due(ALONE) - 1 })],
    [/early/, RESCHEDULE, dispatched(moved, { timestampMs: due(RESCHEDULE) })],
    [/before it was/, CANCEL, dispatched(due(CANCEL), { answer: 'too late', answeredMs: due(CANCEL) - 1 })],
    [/is lost/, ALONE, gone({ answer: undefined, ...nowhere })],
    [/is lost/, RESCHEDULE, gone(nowhere)],
    [/is lost/, RESCHEDULE, gone({ answer: 'info', ...nowhere })],
    [/said to be dispatched and is lost/, CANCEL, gone({ answer: 'too late', ...nowhere })],
    [/dispatched by look-up and 0 times/, CANCEL, gone({ lookUp: { state: 'dispatched' } })],
    [/cancelled by look-up and 1 times/, RESCHEDULE, dispatched(moved, { lookUp: { state: 'cancelled' } })],
    [/is due at/, RESCHEDULE, dispatched(moved, { lookUp: { state: 'pending', dueAtMs: due(RESCHEDULE) } })],
    [
      /before it was due by look-up/,
      RESCHEDULE,
      dispatched(due(RESCHEDULE), { answer: 'info', lookUp: { state: 'pending', dueAtMs: moved } }),
    ],
    [/unknown by look-up/, RESCHEDULE, dispatched(moved, { lookUp: { state: 'unknown', dueAtMs: moved } })],
    [/another place/, RESCHEDULE, dispatched(moved, { offset: 8 })],
  ]
  for (const [why, n, outcome] of cases) t.match(disagreement(PLAN, n, outcome), why)
})
