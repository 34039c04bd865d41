// The wall clock of the machine of a crash run, as somebody steps it: a little or much, ahead or behind, for good or taken
// back. The history is told of each step in time: that it goes ahead before it does, that it goes back when it has.

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { History } from '../checker/history.ts'
import type { DwellProcess } from '../support/dwell-process.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { sleep } from './caller.ts'
import { followedPath } from './stepped-clock.ts'

/** A server may start with a clock that is wrong by so much. */
const START_MS_MAX = 3_000
/** So far ahead, and so shortly that no hand may follow. */
const FAR_MS = 3_600_000
const FAR_FOR_MS = 50

export class WallClock {
  readonly path: string
  readonly #history: History
  #aheadMs = 0
  steps = 0

  constructor(path: string, history: History) {
    this.path = path
    this.#history = history
    writeFileSync(path, '0')
  }

  /** Nobody looks at it: a server that starts would believe anything. */
  beforeStart(): void {
    if (Math.abs(this.#aheadMs) > START_MS_MAX) this.#set(0)
    rmSync(followedPath(this.path), { force: true })
  }

  /** Somebody steps it. */
  async stepSomehow(server: DwellProcess, random: SeededRandom): Promise<void> {
    const how = random.weighted({ right: 4, 'a little': 4, ahead: 2, behind: 3, 'far ahead': 1 })
    if (how === 'far ahead') {
      await this.step(server, FAR_MS)
      await sleep(FAR_FOR_MS)
      return this.step(server, 0)
    }
    const aheadMs = {
      right: 0,
      'a little': random.between(-500, 500),
      ahead: random.between(1_000, 2_500),
      behind: random.between(-2_000, -500),
    }[how]
    return this.step(server, aheadMs)
  }

  /** Steps it under a server that runs; resolves when that has noticed, or is gone. */
  async step(server: DwellProcess, aheadMs: number): Promise<void> {
    if (aheadMs === this.#aheadMs || !server.running) return
    this.steps++
    const isRise = aheadMs > this.#aheadMs
    if (isRise) this.#set(aheadMs)
    else writeFileSync(this.path, String(aheadMs))
    server.signal('SIGUSR2')
    while (server.running && this.#followed() !== aheadMs) await sleep(1)
    if (!isRise) this.#set(aheadMs)
  }

  #set(aheadMs: number): void {
    this.#history.noteClock(aheadMs)
    this.#aheadMs = aheadMs
    writeFileSync(this.path, String(aheadMs))
  }

  #followed(): number | undefined {
    try {
      return Number(readFileSync(followedPath(this.path), 'latin1') || Number.NaN)
    } catch {
      return undefined
    }
  }
}
