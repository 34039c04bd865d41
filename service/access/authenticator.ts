// Finds out who holds the token that came with a request.

import { type Clock, DwellError, Turns } from '../../storage/index.ts'
import type { Caller } from './caller.ts'
import { FailedAttempts } from './failed-attempts.ts'
import { isTokenShaped } from './token.ts'
import type { Tokens } from './tokens.ts'
import { UNKNOWN_KEY, type WebTokens } from './web-tokens.ts'

const BEARER = /^Bearer +([^ ]+) *$/i
/** Each takes a thread of Node's pool for some tenths of a millisecond. */
const SIGNATURES_AT_ONCE = 4
const WEB_TOKEN = /^[\w-]+\.[\w-]+\.[\w-]*$/

export interface AuthenticatorOptions {
  clock: Pick<Clock, 'monotonicMs'>
  /** Those of now. */
  tokens: () => Tokens
  webTokens: WebTokens | undefined
}

export class Authenticator {
  readonly #options: AuthenticatorOptions
  readonly #attempts: FailedAttempts
  readonly #turns = new Turns(SIGNATURES_AT_ONCE)

  constructor(options: AuthenticatorOptions) {
    this.#options = options
    this.#attempts = new FailedAttempts(options.clock)
  }

  /** Wrong tokens since the start. */
  get failedAttempts(): number {
    return this.#attempts.count
  }

  /**
   * Who holds the token of this `Authorization` header, which came from `address`. A promise only where a signature has to be
   * computed.
   * @throws TOKEN_MISSING, TOKEN_WRONG, TOO_MANY_ATTEMPTS, KEYS_UNAVAILABLE
   */
  callerOf(authorization: string | undefined, address: string): Caller | Promise<Caller> {
    if (authorization === undefined)
      throw new DwellError('TOKEN_MISSING', 'Send a token: Authorization: Bearer <token>.')
    const token = BEARER.exec(authorization)?.[1]
    if (token === undefined)
      throw new DwellError('TOKEN_MISSING', 'Authorization must be Bearer, a space, and a token.')
    const { tokens, webTokens } = this.#options
    const known = isTokenShaped(token) ? tokens().callerOf(token) : webTokens?.rememberedCaller(token)
    if (known !== undefined) return known
    this.#checkAttempts(address)
    if (webTokens === undefined || !WEB_TOKEN.test(token)) throw this.#wrong(address)
    return this.#callerOfWebToken(webTokens, token, address)
  }

  async #callerOfWebToken(webTokens: WebTokens, token: string, address: string): Promise<Caller> {
    let found = await this.#inTurn(webTokens, token, address)
    // Not in a turn: the address of the keys may be slow.
    if (found === UNKNOWN_KEY && (await webTokens.renewKeys())) found = await this.#inTurn(webTokens, token, address)
    if (found === UNKNOWN_KEY) throw this.#wrong(address)
    return found
  }

  /** A few at a time, so that whoever sends a thousand wrong ones at once is slowed when the first of them are found wrong. */
  #inTurn(webTokens: WebTokens, token: string, address: string): Promise<Caller | typeof UNKNOWN_KEY> {
    return this.#turns.run(async () => {
      const known = webTokens.rememberedCaller(token)
      if (known !== undefined) return known
      this.#checkAttempts(address)
      const found = await webTokens.callerOf(token)
      if (found === undefined) throw this.#wrong(address)
      return found
    })
  }

  #checkAttempts(address: string): void {
    const waitMs = this.#attempts.waitMs(address)
    if (waitMs === 0) return
    const retryAfterSeconds = Math.ceil(waitMs / 1000)
    const sentence = `Too many wrong tokens came from your address; try again in ${retryAfterSeconds} s.`
    throw new DwellError('TOO_MANY_ATTEMPTS', sentence, { retryAfterSeconds })
  }

  #wrong(address: string): DwellError {
    this.#attempts.add(address)
    // Not why: whoever guesses learns nothing.
    return new DwellError('TOKEN_WRONG', 'The token is not known, or not valid any more.')
  }
}
