// Sends cancels and reschedules by own id, in a process of its own, and notes what each was answered.
//
// A racing change is to meet its message while that is being dispatched. How long before its due time it has to be sent for
// that is not known, so it follows from the answers: sent later when it was in time, earlier when it was too late. So about
// half of them win. One that the load itself comes too late to send is no race any more: it waits until the race is over.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, HttpClient, NoAnswer } from '../support/http-client.ts'
import { type ChangePlan, isRacing, kindOf, newDueAtMs, turnMs } from './change-plan.ts'
import { runLoad } from './load-process.ts'
import { ownIdOf } from './numbered.ts'
import { wallMs } from './wall-clock.ts'

export interface ChangeLoadOptions {
  port: number
  topic: string
  plan: ChangePlan
}

/** What a change was answered. `info`: nothing, or a failure of the server: it may have happened. */
export const ANSWERS = ['done', 'too late', 'info', 'wrong'] as const
export type ChangeAnswer = (typeof ANSWERS)[number]

/** By number. */
export interface ChangeLoadResult {
  /** Index into ANSWERS. */
  answers: Uint8Array
  answeredMs: Float64Array
  /** When a rescheduled message is due by the answer: later than asked when that had passed already. */
  grantedMs: Float64Array
  tookMs: Float64Array
  /** The first answers that nobody should get. */
  wrong: string[]
  seconds: number
}

/** Of racing ones, and of quiet ones, which must not keep those from being sent in time. */
const RACING_MAX = 96
const QUIET_MAX = 32
const AGAIN_MS = 50
/** A racing change that is not sent so long after its message was due has missed its moment. */
const MISSED_MS = 20
/** Small where it lies, and quickly there when it is far away. */
const LEAD_STEP_MS = 0.05
const LEAD_STEP_SHARE = 0.03
const LEAD_MS_MAX = 2_000
const WRONG_MAX = 5

if (import.meta.main) await runLoad(change)

async function change(options: ChangeLoadOptions, ready: () => void): Promise<ChangeLoadResult> {
  const { port, topic, plan } = options
  const client = new HttpClient(port, RACING_MAX + QUIET_MAX)
  const all = 2 * plan.changes
  const answers = new Uint8Array(all)
  const answeredMs = new Float64Array(all)
  const grantedMs = new Float64Array(all)
  const tookMs = new Float64Array(all)
  const wrong: string[] = []
  const leadMs = { cancel: 5, reschedule: 5, none: 0 }
  const underWay = { racing: 0, quiet: 0 }

  const call = (n: number) => {
    const path = `/v1/topics/${topic}/delayed/${ownIdOf(n)}`
    if (kindOf(plan, n) === 'cancel') return client.call('DELETE', path)
    return client.call('PATCH', path, { body: { deliverAt: newDueAtMs(plan, n) } })
  }
  const send = async (n: number, what: 'racing' | 'quiet') => {
    underWay[what]++
    const sentMs = wallMs()
    const answer = await answerOf(() => call(n))
    answeredMs[n] = wallMs()
    tookMs[n] = answeredMs[n] - sentMs
    grantedMs[n] = (answer?.json as { dueAtMs?: number } | undefined)?.dueAtMs ?? 0
    const judged = judge(plan, n, answer, answeredMs[n])
    answers[n] = ANSWERS.indexOf(judged)
    if (judged === 'wrong' && wrong.length < WRONG_MAX) wrong.push(`${ownIdOf(n)}: ${answer?.status} ${answer?.text}`)
    if (what === 'racing') {
      const kind = kindOf(plan, n)
      const stepMs = LEAD_STEP_MS + LEAD_STEP_SHARE * Math.abs(leadMs[kind])
      const earlierMs = leadMs[kind] + (judged === 'done' ? -stepMs : stepMs)
      leadMs[kind] = Math.min(LEAD_MS_MAX, Math.max(-LEAD_MS_MAX, earlierMs))
    }
    underWay[what]--
  }

  const order = Array.from({ length: all }, (_, n) => n).sort((a, b) => turnMs(plan, a) - turnMs(plan, b))
  const racing = order.filter(isRacing)
  const quiet = order.filter((n) => !isRacing(n))
  await sleep(plan.raceFromMs - wallMs() - 2 * LEAD_MS_MAX)
  ready()
  const startMs = wallMs()
  let [r, q] = [0, 0]
  while (r < racing.length || q < quiet.length || underWay.racing + underWay.quiet > 0) {
    const nowMs = wallMs()
    for (; r < racing.length; r++) {
      const behindMs = nowMs - turnMs(plan, racing[r])
      if (behindMs > MISSED_MS) quiet.push(racing[r])
      else if (behindMs < -leadMs[kindOf(plan, racing[r])] || underWay.racing === RACING_MAX) break
      else void send(racing[r], 'racing')
    }
    while (q < quiet.length && underWay.quiet < QUIET_MAX && turnMs(plan, quiet[q]) <= nowMs) {
      void send(quiet[q++], 'quiet')
    }
    await sleep(1)
  }
  client.close()
  return { answers, answeredMs, grantedMs, tookMs, wrong, seconds: (wallMs() - startMs) / 1000 }
}

/** Undefined when no answer came to what may have been heard; what cannot have been is said again. */
async function answerOf(call: () => Promise<Answer>): Promise<Answer | undefined> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      if (error.sent) return undefined
      await sleep(AGAIN_MS)
    }
  }
}

function judge(plan: ChangePlan, n: number, answer: Answer | undefined, answeredMs: number): ChangeAnswer {
  if (answer === undefined || answer.status >= 500) return 'info'
  const { state, code, dueAtMs = 0 } = (answer.json ?? {}) as { state?: string; code?: string; dueAtMs?: number }
  if (answer.status === 409 && code === 'ALREADY_DISPATCHED' && state === 'dispatched') return 'too late'
  if (answer.status !== 200) return 'wrong'
  if (kindOf(plan, n) === 'cancel') return state === 'cancelled' ? 'done' : 'wrong'
  const askedMs = newDueAtMs(plan, n)
  return dueAtMs === askedMs || (dueAtMs > askedMs && dueAtMs <= answeredMs) ? 'done' : 'wrong'
}
