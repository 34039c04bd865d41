// Somebody who changes groups while they are used: other tiers while records wait, pauses, redrives and purges, other places
// of the log; groups that go and come again.

import type { SeededRandom } from '../support/seeded-random.ts'
import { type Caller, sleep } from './caller.ts'
import { numberOf } from './publish-request.ts'
import { GROUPS, type GroupPlan } from './topics.ts'

const RATES = [20, 200, undefined]
const PAUSE_MS_MAX = 300
const SETTLE_MS = 1_000
const KEYS = 20

type Action = 'retry' | 'pause' | 'resume' | 'redrive' | 'stop' | 'purge' | 'move' | 'delete'

const CHANGED = GROUPS.filter(({ retries }) => retries.length > 1)
const MOVED = GROUPS.filter(({ moved }) => moved)

export class GroupKeepers {
  readonly #caller: Caller
  #working = true
  #settling = false
  /** Nothing is paused, and no redrive runs. */
  isSettled = false

  constructor(caller: Caller) {
    this.#caller = caller
  }

  /** From now on it lets things come to rest. */
  settle(): void {
    this.#settling = true
  }

  stop(): void {
    this.#working = false
  }

  async work(random: SeededRandom): Promise<void> {
    while (this.#working) {
      await this.#caller.ready
      if (this.#settling) {
        await this.#settleAll()
        await sleep(SETTLE_MS)
      } else {
        await this.#doSomething(random)
        await sleep(random.between(10, 100))
      }
    }
  }

  async #doSomething(random: SeededRandom): Promise<void> {
    const group = random.pick(CHANGED.filter(({ moved }) => !moved))
    switch (
      random.weighted<Action>({ retry: 5, pause: 2, resume: 4, redrive: 8, stop: 1, purge: 4, move: 2, delete: 1 })
    ) {
      case 'retry':
        return this.#configure(random.pick(CHANGED), random)
      case 'pause':
        if (await this.#call(group, 'pause')) await sleep(random.between(0, PAUSE_MS_MAX))
        return void (await this.#call(group, 'resume'))
      case 'resume':
        return void (await this.#call(group, 'resume'))
      case 'redrive':
        return this.#redrive(group, random)
      case 'stop':
        return this.#stopRedrives(group)
      case 'purge':
        return this.#purge(group, random)
      case 'move':
        return this.#move(random.pick(MOVED), random)
      case 'delete':
        return this.#delete(random.pick(MOVED))
    }
  }

  /** All go on, and whatever runs ends. */
  async #settleAll(): Promise<void> {
    let isSettled = true
    for (const group of GROUPS) {
      if (!(await this.#call(group, 'resume'))) isSettled = false
      const running = await this.#running(group)
      if (running?.length !== 0) isSettled = false
      await this.#stopRedrives(group)
    }
    this.isSettled = isSettled
  }

  async #configure({ topic, group, retries, jitters = [0] }: GroupPlan, random: SeededRandom): Promise<void> {
    const { history } = this.#caller
    const [retryMs, jitter] = [random.pick(retries), random.pick(jitters)]
    const op = history.invoke('configure', { topic, group, to: { retryMs, jitter } })
    const body = { retry: retryMs, jitter }
    const answer = await this.#caller.call(op, 'configure', 'PUT', pathOf({ topic, group }), { body })
    if (answer !== undefined) history.ok(op, 'configure', { done: true })
  }

  async #call({ topic, group, moved }: GroupPlan, call: 'pause' | 'resume'): Promise<boolean> {
    const { history } = this.#caller
    const op = history.invoke(call, { topic, group })
    const path = `${pathOf({ topic, group })}/${call}`
    const answer = await this.#caller.call(op, call, 'POST', path, {}, moved ? [404] : [])
    if (answer !== undefined) history.ok(op, call, {})
    return answer !== undefined
  }

  async #redrive(of: GroupPlan, random: SeededRandom): Promise<void> {
    const { history } = this.#caller
    await this.#list(of)
    await this.#running(of)
    const { topic, group } = of
    const key = random.chance(0.3) ? `key-${random.between(1, KEYS)}` : undefined
    const dryRun = random.chance(0.2)
    const ratePerSecond = random.pick(RATES)
    const op = history.invoke('redrive', { topic, group, key, dryRun })
    const body = { filter: key === undefined ? {} : { key }, ...(ratePerSecond && { ratePerSecond }), dryRun }
    const path = `${pathOf(of)}/dead-letters/redrive`
    const answer = await this.#caller.call(op, 'redrive', 'POST', path, { body })
    if (answer !== undefined) history.ok(op, 'redrive', answer.json as { task?: string; count?: number })
  }

  /** Which redrives of a group run. */
  async #running({ topic, group }: GroupPlan): Promise<string[] | undefined> {
    const { history } = this.#caller
    const op = history.invoke('look at redrives', { topic, group })
    const answer = await this.#caller.call(op, 'look at redrives', 'GET', '/v1/redrives', {})
    if (answer === undefined) return undefined
    const { redrives } = answer.json as { redrives: { task: string; topic: string; group: string; state: string }[] }
    const ofGroup = redrives.filter((one) => one.topic === topic && one.group === group && one.state === 'running')
    const running = ofGroup.map(({ task }) => task)
    history.ok(op, 'look at redrives', { running })
    return running
  }

  async #stopRedrives(of: GroupPlan): Promise<void> {
    const { history } = this.#caller
    for (const task of (await this.#running(of)) ?? []) {
      const op = history.invoke('stop redrive', { task })
      const answer = await this.#caller.call(op, 'stop redrive', 'POST', `/v1/redrives/${task}/stop`, {})
      if (answer === undefined) return
      const { state, moved } = answer.json as { state: string; moved: number }
      history.ok(op, 'stop redrive', { state, moved })
    }
  }

  async #purge(of: GroupPlan, random: SeededRandom): Promise<void> {
    const { history } = this.#caller
    const { topic, group } = of
    await this.#list(of)
    const key = random.chance(0.7) ? `key-${random.between(1, KEYS)}` : undefined
    const op = history.invoke('purge', { topic, group, key })
    const body = { filter: key === undefined ? {} : { key } }
    const answer = await this.#caller.call(op, 'purge', 'POST', `${pathOf(of)}/dead-letters/purge`, { body })
    if (answer !== undefined) history.ok(op, 'purge', { count: (answer.json as { count: number }).count })
    await this.#list(of)
  }

  /** A page of the dead letters. */
  async #list({ topic, group }: GroupPlan): Promise<void> {
    const { history } = this.#caller
    const op = history.invoke('dead letters', { topic, group })
    const path = `${pathOf({ topic, group })}/dead-letters?limit=200`
    const answer = await this.#caller.call(op, 'dead letters', 'GET', path, {})
    if (answer === undefined) return
    const { records } = answer.json as {
      records: { value: unknown; deadLetter: { partition: number; offset: number } }[]
    }
    const letters = records.map(({ value, deadLetter: { partition, offset } }) => {
      return { n: numberOf(value), partition, offset }
    })
    history.ok(op, 'dead letters', { letters })
  }

  async #move({ topic, group }: GroupPlan, random: SeededRandom): Promise<void> {
    const { history } = this.#caller
    const to = random.pick(['earliest', 'latest', new Date(Date.now() - random.between(0, 5_000)).toISOString()])
    const op = history.invoke('reset', { topic, group, to })
    const path = `${pathOf({ topic, group })}/reset`
    const answer = await this.#caller.call(op, 'reset', 'POST', path, { body: { to } }, [404])
    if (answer !== undefined) history.ok(op, 'reset', {})
  }

  /** Whoever acquires next makes it anew. */
  async #delete({ topic, group }: GroupPlan): Promise<void> {
    const { history } = this.#caller
    const op = history.invoke('configure', { topic, group, to: undefined })
    const answer = await this.#caller.call(op, 'configure', 'DELETE', pathOf({ topic, group }), {}, [404])
    if (answer !== undefined) history.ok(op, 'configure', { done: answer.status < 300 })
  }
}

function pathOf({ topic, group }: { topic: string; group: string }): string {
  return `/v1/topics/${topic}/groups/${group}`
}
