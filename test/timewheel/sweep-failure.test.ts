// The disk fails once at every call that the scenario makes of it and of the overflow store, in each way in which that call
// can fail. Either nobody notices, or the request is refused and can be made again, or the process must end and answers
// nothing with success any more. What is started afterwards agrees with everything that was answered.
//
// A sample of the calls (sampled.ts) fails, each in one of its ways, in turns; with SWEEP=all, every call in each of them.

import t from 'tap'
import { DwellError } from '../../storage/index.ts'
import type { Fate } from '../storage/simulated-disk.ts'
import { sampled } from '../support/sampled.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { callsOfScenario, contradictions, Scenario } from './sweep-scenario.ts'
import { Machine } from './wheel-on-simulated-disk.ts'

// A minute and a half of one core; minutes of a loaded machine.
t.setTimeout(600_000)

/** How a call can fail, by what it is. */
const KINDS: readonly { of: RegExp; kinds: readonly string[] }[] = [
  { of: /^write /, kinds: ['EIO', 'ENOSPC', 'short'] },
  { of: /^(sync|syncDirectory) /, kinds: ['EIO'] },
  { of: /^open /, kinds: ['EMFILE', 'EIO'] },
  { of: /^(rename|makeDirectory|size store write) /, kinds: ['EIO', 'ENOSPC'] },
  { of: /^/, kinds: ['EIO'] },
]

function failureOf(kind: string, what: string): Fate {
  const code = kind === 'short' ? 'ENOSPC' : kind
  const error = Object.assign(new Error(`${code}: simulated, ${what}`), { code })
  return kind === 'short' ? Object.assign(error, { writtenShare: 0.5 }) : error
}

/** Whether this call writes a frame: into the newest file of the journal, not into one that is being made into the next. */
function isFrame(calls: readonly string[], at: number): boolean {
  const sequenceOf = (what: string) => Number(/journal\/(\d+)\.journal$/.exec(what)?.[1] ?? 0)
  if (!calls[at].startsWith('write ') || sequenceOf(calls[at]) === 0) return false
  return sequenceOf(calls[at]) >= Math.max(...calls.slice(0, at).map(sequenceOf)) - 1
}

/** Runs the scenario as a client and a supervisor would: a refused step is tried again, a failed process is not used any more. */
async function runThroughFailure(
  machine: Machine,
  scenario: Scenario,
): Promise<'start refused' | 'ended' | 'survived'> {
  try {
    await machine.start()
  } catch {
    return 'start refused'
  }
  for (const step of scenario.steps) {
    for (let tries = 0; ; tries++) {
      try {
        await step(machine)
      } catch (error) {
        if (machine.failures.length > 0) break
        if (!(error instanceof DwellError))
          throw new Error(`an error without a code of ours: ${error}`, { cause: error })
        if (tries === 1) throw error
        continue
      }
      break
    }
    if (machine.failures.length > 0) return 'ended'
  }
  return 'survived'
}

/** After a failure nothing is answered with success: nothing at all when the log has failed, no cancel when the wheel has. */
async function stillAnswers(machine: Machine, { log, delayed }: Scenario): Promise<string[]> {
  const { engine, wheel, clock } = machine
  const wrong: string[] = []
  const isLog = machine.failures.some(
    (error) => error instanceof DwellError && /^(JOURNAL|LOG)_FAILED$/.test(error.code),
  )
  const tries: Record<string, () => Promise<unknown>> = {
    append: () => log.append(engine, [['orders', 0]], 1, 10),
    publish: () => delayed.publish(engine, wheel, '__due', [clock.wallMs() + 5_000]),
    create: () => engine.createTopic('late', { partitions: 1, cleanup: 'delete' }),
    cancel: () => delayed.cancel(wheel, 0),
    move: () => delayed.move(wheel, 1, clock.wallMs() + 5_000, clock.wallMs()),
  }
  for (const [name, call] of Object.entries(tries)) {
    if (engine.topic('orders') === undefined || engine.topic('__due') === undefined) continue
    const answer = await machine.outcome(call().catch((error: unknown) => error))
    if (answer instanceof Error && !(answer instanceof DwellError))
      wrong.push(`${name} failed without a code: ${answer}`)
    // What was dispatched before may be said: it is durable.
    const changes: Record<string, string> = { cancel: 'cancelled', move: 'pending' }
    if (name in changes ? answer === changes[name] : isLog && !(answer instanceof Error))
      wrong.push(`${name}: ${answer}`)
  }
  return wrong
}

/** Fails one call of the scenario; answers how that went, and what is wrong with it. */
async function failing(
  at: number,
  kind: string,
  calls: readonly string[],
): Promise<{ outcome: string; wrong: string[] }> {
  const what = calls[at]
  const machine = Machine.empty({ seed: at })
  machine.disk.onCall = (call) => (call === at ? failureOf(kind, what) : 'go on')
  const scenario = new Scenario()
  const outcome = await runThroughFailure(machine, scenario)
  if (outcome === 'survived' && isFrame(calls, at)) return { outcome, wrong: ['nobody noticed'] }
  const wrong = outcome === 'ended' ? await stillAnswers(machine, scenario) : []
  // What was not synced because a sync failed may go with the next power cut.
  const isLost = /sync/i.test(what) && outcome !== 'survived'
  const next = isLost ? machine.powerless(new SeededRandom(at)) : machine.killed()
  return { outcome, wrong: [...wrong, ...(await contradictions(next, scenario))] }
}

t.test('any call failing once, in each way it can: survived, or everything is refused from then on', async (t) => {
  const calls = await callsOfScenario()
  const outcomes: Record<string, number> = {}
  const wrong: string[] = []
  let tried = 0
  for (const [at, what] of sampled(calls.entries())) {
    const kinds = KINDS.find(({ of }) => of.test(what))?.kinds ?? []
    for (const kind of process.env.SWEEP === 'all' ? kinds : [kinds[at % kinds.length]]) {
      tried++
      const found = await failing(at, kind, calls).catch((error) => ({
        outcome: 'threw',
        wrong: [String(error.stack)],
      }))
      const outcome = `${kind}: ${found.outcome}`
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
      if (found.wrong.length > 0)
        wrong.push(`${kind} at call ${at}, ${what}: ${found.outcome}, ${found.wrong.join('; ')}`)
    }
  }
  t.same(wrong.slice(0, 10), [])
  t.comment(`${tried} failures at ${calls.length} calls: ${JSON.stringify(outcomes)}`)
})
