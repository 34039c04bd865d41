// A scenario that touches all that the log and the wheel do with a disk: slots, late messages, overflow and its way into
// slots, cancels and moves of all three and of what was moved, dispatch, checkpoints of both, synced ones, retention, log
// starts, topics made, grown and deleted, recycled journal files, an orderly restart in the middle. Each step can be tried
// again when it was refused.

import type { Test } from 'tap'
import { readAll } from '../contract/engine.ts'
import { LogHistory } from '../storage/log-history.ts'
import { DelayedHistory } from './delayed-history.ts'
import { Machine } from './wheel-on-simulated-disk.ts'

const KIB = 1024
/** Calls that change something: at the others the disk is as it was at the one before. */
export const CHANGES =
  /^(write|sync|truncate|rename|remove|removeTree|makeDirectory|syncDirectory|open|size store (write|clear)) ?/
export const TARGETS = ['__due', '__brief']

export class Scenario {
  readonly log = new LogHistory()
  readonly delayed = new DelayedHistory()

  /** The steps, in order; none keeps anything of a process that a later one could miss. */
  readonly steps: ((machine: Machine) => Promise<void>)[] = [
    async ({ engine }) => void (await ensureTopic(engine, '__due', 2)),
    async ({ engine }) => this.#create(engine, 'orders', 1),
    async ({ engine }) => this.#create(engine, 'bills', 1, { retentionBytes: 6 * KIB }),
    async (machine) => this.#publish(machine, '__due', [1_000, 1_200, 2_500, 2_500, 3_100, 6_000, 6_400, 9_000], 300),
    async (machine) => this.#publish(machine, '__due', [31_000, 40_000, 40_500, 55_000]),
    async (machine) => this.#publish(machine, '__due', [-5, 1]),
    async ({ engine }) => this.log.append(engine, [['orders', 0], ['bills', 0]], 3, 900), // biome-ignore format: one append
    async (machine) => machine.pass(1_500),
    async (machine) => this.#cancel(machine, 0),
    async (machine) => this.#cancel(machine, 4),
    async (machine) => this.#cancel(machine, 8),
    async (machine) => this.#move(machine, 1, 5_000),
    async (machine) => this.#move(machine, 4, 35_000),
    async (machine) => this.#move(machine, 8, 12_000),
    async (machine) => this.#move(machine, 9, -1),
    async (machine) => machine.outcome(machine.wheel.checkpoint()),
    async ({ engine }) => engine.checkpoint(),
    async ({ engine }) => this.log.append(engine, [['orders', 0]], 2, 7_000),
    async ({ engine }) => void (await engine.alterTopic('__due', { partitions: 3, cleanup: 'delete' })),
    async ({ engine }) => void (await ensureTopic(engine, '__brief', 1)),
    async (machine) => this.#publish(machine, '__brief', [700, 30_000]),
    async (machine) => this.#publish(machine, '__due', [600, 800, 4_000, 24_000, 27_000], 100),
    async ({ engine }) => engine.topic('__brief') && this.delayed.deleteTopic(engine, '__brief'),
    async (machine) => machine.pass(2_000),
    async ({ engine }) => this.log.append(engine, [['bills', 0]], 4, 1_900),
    async (machine) => this.#move(machine, 1, 26_000),
    async (machine) => this.#move(machine, 4, 14_000),
    async (machine) => this.#cancel(machine, 8),
    async ({ engine }) => void (await readAll(engine, 'orders', 0)),
    async ({ engine }) => void (await engine.offsetForTime('bills', 0, 1_000)),
    async ({ engine }) => this.log.deleteRecords(engine, 'orders', 0, 3),
    async (machine) => machine.outcome(machine.wheel.checkpoint()),
    async ({ engine }) => engine.checkpoint(),
    async ({ engine }) => this.log.append(engine, [['orders', 0]], 2, 12_000),
    async (machine) => this.#restart(machine),
    async (machine) => this.#publish(machine, '__due', [300, 15_000]),
    async (machine) => this.#move(machine, 5, 700),
    async (machine) => this.#move(machine, 12, -1),
    async (machine) => machine.pass(16_000),
    async (machine) => this.#cancel(machine, 10),
    async (machine) => machine.outcome(machine.wheel.checkpoint()),
    async ({ engine }) => this.log.append(engine, [['orders', 0], ['bills', 0]], 2, 5_000), // biome-ignore format: one append
    async ({ engine }) => engine.checkpoint(),
    async (machine) => this.#publish(machine, '__due', [100, 2_000, 45_000]),
    async (machine) => this.#move(machine, 14, 9_000),
    async (machine) => machine.pass(300),
    async (machine) => machine.stop(),
  ]

  async #create(engine: Machine['engine'], name: string, partitions: number, settings = {}): Promise<void> {
    if (engine.topic(name) === undefined) await this.log.create(engine, name, partitions, settings)
  }

  async #publish({ engine, wheel, clock }: Machine, topic: string, delaysMs: number[], bytes?: number): Promise<void> {
    if (engine.topic(topic) === undefined) return
    const nowMs = clock.wallMs()
    await this.delayed.publish(engine, wheel, topic, delaysMs.map((ms) => nowMs + ms), bytes) // biome-ignore format: short
  }

  async #cancel(machine: Machine, n: number): Promise<void> {
    await machine.outcome(this.delayed.cancel(machine.wheel, n))
  }

  /** Moves a message that was not cancelled to so many milliseconds ahead. */
  async #move(machine: Machine, n: number, delayMs: number): Promise<void> {
    const nowMs = machine.clock.wallMs()
    await machine.outcome(this.delayed.move(machine.wheel, n, nowMs + delayMs, nowMs))
  }

  async #restart(machine: Machine): Promise<void> {
    await machine.stop()
    await machine.start().catch((error) => {
      machine.failures.push(error)
      throw error
    })
  }
}

async function ensureTopic(engine: Machine['engine'], name: string, partitions: number): Promise<void> {
  if (engine.topic(name) === undefined) await engine.createTopic(name, { partitions, cleanup: 'delete' })
}

/** Runs the scenario until its end or the death of the machine. */
export async function run(machine: Machine): Promise<Scenario> {
  const scenario = new Scenario()
  const whole = async () => {
    await machine.start()
    for (const step of scenario.steps) await step(machine)
  }
  await Promise.race([machine.disk.death, whole()])
  return scenario
}

/** What every call of the scenario does, by its number. */
export async function callsOfScenario(): Promise<string[]> {
  const machine = Machine.empty()
  const calls: string[] = []
  machine.disk.onCall = (_call, what) => {
    calls.push(what)
    return 'go on'
  }
  await run(machine)
  return calls
}

/** What the machine that is started now has against what was answered: as found, and when all is due. */
export async function contradictions(machine: Machine, { log, delayed }: Scenario): Promise<string[]> {
  await machine.start()
  const { engine, wheel } = machine
  const wrong = await delayed.contradictions(engine, wheel, TARGETS, machine.clock.wallMs(), false)
  wrong.push(...(await log.contradictions(engine)))
  await machine.pass(delayed.lastDueAtMs - machine.clock.wallMs() + 100)
  await machine.until(() => wheel.stats().pending === 0)
  wrong.push(...(await delayed.contradictions(engine, wheel, TARGETS, machine.clock.wallMs(), true)))
  wrong.push(...machine.failures.map(String))
  return wrong
}

/** Whether the machine agrees with what was answered, once it is started; fails the test when it does not. */
export async function agrees(t: Test, machine: Machine, scenario: Scenario, when: string): Promise<boolean> {
  const wrong = await contradictions(machine, scenario).catch((error) => [String(error.stack)])
  if (wrong.length > 0) t.same(wrong, [], when)
  return wrong.length === 0
}
