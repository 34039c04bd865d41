// The tokens of the file, by their hashes.
//
// What is compared are hashes, never tokens: how far the hash of a guess agrees with one that is kept says nothing about the
// next guess. The last comparison takes the same time wherever the two differ, all the same.

import { timingSafeEqual } from 'node:crypto'
import type { Allowances } from './allowances.ts'
import { Caller } from './caller.ts'
import { TopicScope } from './rights.ts'
import { hashOf, isTokenShaped } from './token.ts'
import type { TokenRow } from './tokens-file.ts'

export class Tokens {
  readonly #callers = new Map<string, { hash: Buffer; caller: Caller }>()

  constructor(rows: readonly TokenRow[], allowances: Allowances) {
    for (const { name, sha256, rights, topics, limits } of rows) {
      const caller = new Caller(name, rights, new TopicScope(topics), allowances.of(name, limits))
      this.#callers.set(sha256, { hash: Buffer.from(sha256, 'latin1'), caller })
    }
  }

  /** Who holds `token`; undefined when it is none of these. */
  callerOf(token: string): Caller | undefined {
    if (!isTokenShaped(token)) return undefined
    const hash = hashOf(token)
    const found = this.#callers.get(hash)
    if (found === undefined) return undefined
    return timingSafeEqual(found.hash, Buffer.from(hash, 'latin1')) ? found.caller : undefined
  }
}
