// The allowances by the name of the caller. Of callers that hold nothing the one that came the longest ago is forgotten when
// there are too many: names of web tokens are made by others.

import type { Clock } from '../../storage/index.ts'
import type { Settings } from '../settings.ts'
import { Allowance, LIMIT_NAMES, type Limits } from './allowance.ts'

const CALLERS_MAX = 20_000

export type LimitSettings = Pick<
  Settings,
  | 'TOKEN_REQUESTS_PER_SECOND_MAX'
  | 'TOKEN_BYTES_PER_SECOND_MAX'
  | 'TOKEN_CONNECTIONS_MAX'
  | 'TOKEN_WAITING_MAX'
  | 'TOKEN_TOPICS_MAX'
  | 'TOKEN_PENDING_MAX'
  | 'TOKEN_PENDING_BYTES_MAX'
>

export class Allowances {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #usual: Limits
  readonly #byName = new Map<string, Allowance>()

  constructor(clock: Pick<Clock, 'monotonicMs'>, settings: LimitSettings) {
    this.#clock = clock
    this.#usual = {
      requestsPerSecond: settings.TOKEN_REQUESTS_PER_SECOND_MAX,
      bytesPerSecond: settings.TOKEN_BYTES_PER_SECOND_MAX,
      connections: settings.TOKEN_CONNECTIONS_MAX,
      waiting: settings.TOKEN_WAITING_MAX,
      topics: settings.TOKEN_TOPICS_MAX,
      pending: settings.TOKEN_PENDING_MAX,
      pendingBytes: settings.TOKEN_PENDING_BYTES_MAX,
    }
  }

  /** That of `name`, whose own limits take the place of the usual ones. */
  of(name: string, own: Partial<Limits> = {}): Allowance {
    const limits = { ...this.#usual, ...own }
    const known = this.#byName.get(name)
    const isSame = known !== undefined && LIMIT_NAMES.every((limit) => known.limits[limit] === limits[limit])
    const allowance = isSame ? known : new Allowance(this.#clock, limits)
    this.#byName.delete(name)
    this.#byName.set(name, allowance)
    if (this.#byName.size > CALLERS_MAX) this.#forgetOne()
    return allowance
  }

  #forgetOne(): void {
    for (const [name, allowance] of this.#byName) {
      if (!allowance.isIdle) continue
      this.#byName.delete(name)
      return
    }
  }
}
