// JSON Web Tokens (RFC 7519): whose signature, issuer, audience and time are right, and what their claims give.
//
// Always true:
//   1. The algorithms are those of the setting, all of them with public keys: a token cannot choose `none`, nor have a public
//      key taken for a secret one.
//   2. Keys come out of the key set alone; what a token says of where its key is (`jku`, `x5u`, `jwk`) is not looked at.
//   3. What was found right is remembered for a while, so that a signature is not computed for every request; not beyond the
//      token's end, and not when the keys have changed.

import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { type Clock, DwellError } from '../../storage/index.ts'
import type { Allowances } from './allowances.ts'
import { Caller } from './caller.ts'
import type { KeySet } from './key-set.ts'
import { isRight, PATTERNS_MAX, type Right, TopicScope } from './rights.ts'
import { hashOf } from './token.ts'

export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]
/** What stands for a token whose key is not among those that are known. */
export const UNKNOWN_KEY = Symbol('unknown key')

const REMEMBERED_MAX = 10_000
const REMEMBERED_MS_MAX = 5 * 60_000
const TOLERANCE_SECONDS = 5
const LENGTH_MAX = 8_192
/** So that a right may stand among the scopes of other services. */
const RIGHT_BEGINNING = 'dwell:'

export interface WebTokensOptions {
  keySet: KeySet
  clock: Pick<Clock, 'wallMs'>
  allowances: Allowances
  issuer: string
  audience: string
  algorithms: readonly string[]
  /** Where a token says what its holder may do, and with which topics; without the latter it is for all. */
  rightsClaim: string
  topicsClaim: string
}

/** A token that was found right. */
export interface Verified {
  caller: Caller
  untilMs: number
  keys: JWTVerifyGetKey
}

export class WebTokens {
  readonly #options: WebTokensOptions
  readonly #remembered = new Map<string, Verified>()

  constructor(options: WebTokensOptions) {
    this.#options = options
  }

  /** What is known of a token that was found right not long ago. */
  remembered(token: string): Verified | undefined {
    const found = this.#remembered.get(hashOf(token))
    return found !== undefined && this.isGood(found) ? found : undefined
  }

  /** Whether it need not be looked at again: it is not over, and the keys are those of then. */
  isGood({ untilMs, keys }: Verified): boolean {
    const { keySet, clock } = this.#options
    return clock.wallMs() < untilMs && keySet.keys === keys
  }

  /**
   * Who holds `token`; undefined when it is not right, UNKNOWN_KEY when no key fits it: then renewKeys() may help.
   * @throws KEYS_UNAVAILABLE
   */
  async callerOf(token: string): Promise<Caller | typeof UNKNOWN_KEY | undefined> {
    if (token.length > LENGTH_MAX) return undefined
    try {
      return await this.#verify(token, this.#keys())
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error
      return error instanceof errors.JWKSNoMatchingKey ? UNKNOWN_KEY : undefined
    }
  }

  /** Answers whether there are other keys now. */
  async renewKeys(): Promise<boolean> {
    const { keySet } = this.#options
    const before = keySet.keys
    await keySet.renew()
    return keySet.keys !== before
  }

  #keys(): JWTVerifyGetKey {
    const { keys } = this.#options.keySet
    if (keys !== undefined) return keys
    throw new DwellError('KEYS_UNAVAILABLE', 'No web token can be checked now: there are no keys.', {
      retryAfterSeconds: 30,
    })
  }

  async #verify(token: string, keys: JWTVerifyGetKey): Promise<Caller> {
    const { clock, issuer, audience, algorithms } = this.#options
    const nowMs = clock.wallMs()
    const { payload } = await jwtVerify(token, keys, {
      algorithms: [...algorithms],
      issuer,
      audience,
      requiredClaims: ['exp'],
      clockTolerance: TOLERANCE_SECONDS,
      currentDate: new Date(nowMs),
    })
    const caller = this.#callerWith(payload)
    const untilMs = Math.min(nowMs + REMEMBERED_MS_MAX, (payload.exp as number) * 1000)
    const key = hashOf(token)
    this.#remembered.delete(key)
    this.#remembered.set(key, { caller, untilMs, keys })
    if (this.#remembered.size > REMEMBERED_MAX) this.#remembered.delete(this.#remembered.keys().next().value as string)
    return caller
  }

  /** What is no right, and no pattern of topics, gives nothing: a token is made for other services as well. */
  #callerWith(payload: JWTPayload): Caller {
    const { rightsClaim, topicsClaim } = this.#options
    const rights = wordsOf(claimAt(payload, rightsClaim))
      .map((word) => (word.startsWith(RIGHT_BEGINNING) ? word.slice(RIGHT_BEGINNING.length) : word))
      .filter((word): word is Right => isRight(word))
    const patterns = topicsClaim === '' ? ['*'] : wordsOf(claimAt(payload, topicsClaim)).filter(isPattern)
    const name = `jwt:${typeof payload.sub === 'string' ? payload.sub : ''}`
    const topics = new TopicScope(patterns.slice(0, PATTERNS_MAX))
    return new Caller(name, rights, topics, this.#options.allowances.of(name))
  }
}

/** A claim by its name, which may have dots or slashes in it; else by a path of names with dots between. */
function claimAt(payload: JWTPayload, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path]
  let value: unknown = payload
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}

/** A list of texts, or one text with spaces between, as `scope` is. */
function wordsOf(claim: unknown): string[] {
  if (typeof claim === 'string') return claim.split(' ').filter((word) => word !== '')
  return Array.isArray(claim) ? claim.filter((word) => typeof word === 'string') : []
}

function isPattern(word: string): boolean {
  try {
    new TopicScope([word])
    return true
  } catch {
    return false
  }
}
