// What may be done, and with which topics. A right says nothing of the others: an administrator who is to publish as well
// has both.

import { DwellError } from '../../storage/index.ts'

/**
 * publish: messages, and what becomes of delayed ones. consume: records, acquired, acknowledged and read, dead letters too.
 * admin: topics, settings of groups, redrives, purges.
 */
export const RIGHTS = ['publish', 'consume', 'admin'] as const
export type Right = (typeof RIGHTS)[number]

export function isRight(text: unknown): text is Right {
  return RIGHTS.includes(text as Right)
}

const PATTERN = /^[a-zA-Z0-9._-]{0,249}\*?$/
/** As many as one caller may be given; each is compared with every topic of a list. */
export const PATTERNS_MAX = 100

/** The topics that a caller is given: `orders` is that one, `orders.*` all whose names begin so, `*` all. */
export class TopicScope {
  readonly #names = new Set<string>()
  readonly #beginnings: string[] = []
  /** True when there is nothing that it does not cover, now or later. */
  readonly isAll: boolean

  /** @throws INVALID_TOPIC_PATTERN */
  constructor(patterns: readonly string[]) {
    if (patterns.length > PATTERNS_MAX) throw wrong(`There are more than ${PATTERNS_MAX} topics.`)
    for (const pattern of patterns) {
      if (pattern === '' || !PATTERN.test(pattern))
        throw wrong(
          `${JSON.stringify(pattern)} is neither the name of a topic nor the beginning of one with * behind it.`,
        )
      if (pattern.endsWith('*')) this.#beginnings.push(pattern.slice(0, -1))
      else this.#names.add(pattern)
    }
    this.isAll = this.#beginnings.includes('')
  }

  covers(topic: string): boolean {
    if (this.isAll || this.#names.has(topic)) return true
    return this.#beginnings.some((beginning) => topic.startsWith(beginning))
  }
}

function wrong(sentence: string): DwellError {
  return new DwellError('INVALID_TOPIC_PATTERN', sentence)
}
