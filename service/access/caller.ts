// Who makes a request, and what he may do. Whether something exists is not told to who may not see it: the refusal is the
// same, and comes before anything is looked for.

import { DwellError } from '../../storage/index.ts'
import type { Allowance } from './allowance.ts'
import { RIGHTS, type Right, TopicScope } from './rights.ts'
import type { RouteAccess } from './route-access.ts'

export class Caller {
  /** For the log and for limits: never the token itself. */
  readonly name: string
  /** What he may ask for; undefined when that is not counted. */
  readonly allowance: Allowance | undefined
  readonly #rights: ReadonlySet<Right>
  readonly #topics: TopicScope

  constructor(name: string, rights: Iterable<Right>, topics: TopicScope, allowance?: Allowance) {
    this.name = name
    this.allowance = allowance
    this.#rights = new Set(rights)
    this.#topics = topics
  }

  get seesAll(): boolean {
    return this.#topics.isAll
  }

  sees(topic: string): boolean {
    return this.#topics.covers(topic)
  }

  /** @throws FORBIDDEN */
  check({ rights, topics }: RouteAccess, topic: string | undefined): void {
    if (rights.length > 0 && !rights.some((right) => this.#rights.has(right))) {
      const needed = rights.length === RIGHTS.length ? 'any right at all' : `the right ${rights.join(' or ')}`
      throw new DwellError('FORBIDDEN', `The token does not have ${needed}.`, { right: rights.join(' or ') })
    }
    if (topics === 'path') this.checkSees(topic ?? '')
    else if (topics === 'all' && !this.seesAll)
      throw new DwellError('FORBIDDEN', 'This is about all topics, and the token is for some of them.')
  }

  /** @throws FORBIDDEN */
  checkSees(topic: string): void {
    if (!this.sees(topic)) throw new DwellError('FORBIDDEN', 'The token is not for this topic.')
  }
}

/** Who calls while nobody has to say who he is. */
export const EVERYBODY = new Caller('', RIGHTS, new TopicScope(['*']))
/** Who calls without a token what is open to all. */
export const STRANGER = new Caller('', [], new TopicScope([]))
