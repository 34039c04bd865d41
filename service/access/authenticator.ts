// Finds out who holds the token that came with a request.
//
// Hot path: of what a token costs a publish, hashing it was half. A connection shows the same one again and again, so what it
// showed last is remembered with it, while the tokens are those of then, and a web token is not over; it is compared in constant
// time, for a proxy may send the requests of many on one connection.

import { timingSafeEqual } from 'node:crypto'
import { type Clock, DwellError, Turns } from '../../storage/index.ts'
import type { Caller } from './caller.ts'
import { FailedAttempts } from './failed-attempts.ts'
import type { Tokens } from './tokens.ts'
import { UNKNOWN_KEY, type Verified, type WebTokens } from './web-tokens.ts'

const BEARER = /^Bearer +([^ ]+) *$/i
/** Each takes a thread of Node's pool for some tenths of a millisecond. */
const SIGNATURES_AT_ONCE = 4
const WEB_TOKEN = /^[\w-]+\.[\w-]+\.[\w-]*$/

/** As node:net has it. */
interface Connection {
  readonly remoteAddress?: string | undefined
}

/** What a connection showed last, when that was right. */
interface Shown {
  tokens: Tokens
  authorization: Buffer
  caller: Caller
  /** Of a web token. */
  verified: Verified | undefined
}

export interface AuthenticatorOptions {
  clock: Pick<Clock, 'monotonicMs'>
  /** Those of now. */
  tokens: () => Tokens
  webTokens: WebTokens | undefined
}

export class Authenticator {
  readonly #options: AuthenticatorOptions
  readonly #attempts: FailedAttempts
  readonly #shown = new WeakMap<Connection, Shown>()
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
   * Who holds the token of this `Authorization` header, which came over `connection`. A promise only where a signature has to be
   * computed.
   * @throws TOKEN_MISSING, TOKEN_WRONG, TOO_MANY_ATTEMPTS, KEYS_UNAVAILABLE
   */
  callerOf(authorization: string | undefined, connection: Connection): Caller | Promise<Caller> {
    if (authorization === undefined)
      throw new DwellError('TOKEN_MISSING', 'Send a token: Authorization: Bearer <token>.')
    const tokens = this.#options.tokens()
    const shown = this.#shown.get(connection)
    if (shown?.tokens === tokens && this.#isShown(shown, authorization)) return shown.caller
    const token = BEARER.exec(authorization)?.[1]
    if (token === undefined)
      throw new DwellError('TOKEN_MISSING', 'Authorization must be Bearer, a space, and a token.')
    const caller = tokens.callerOf(token)
    if (caller !== undefined) {
      this.#remember(connection, authorization, caller)
      return caller
    }
    const { webTokens } = this.#options
    const address = connection.remoteAddress ?? ''
    const known = webTokens?.remembered(token)
    if (known !== undefined) {
      this.#remember(connection, authorization, known.caller, known)
      return known.caller
    }
    this.#checkAttempts(address)
    if (webTokens === undefined || !WEB_TOKEN.test(token)) throw this.#wrong(address)
    return this.#callerOfWebToken(webTokens, token, address)
  }

  #remember(connection: Connection, authorization: string, caller: Caller, verified?: Verified): void {
    const tokens = this.#options.tokens()
    this.#shown.set(connection, { tokens, authorization: Buffer.from(authorization, 'latin1'), caller, verified })
  }

  #isShown({ authorization: shown, verified }: Shown, authorization: string): boolean {
    if (!isSame(shown, authorization)) return false
    return verified === undefined || this.#options.webTokens?.isGood(verified) === true
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
      const known = webTokens.remembered(token)
      if (known !== undefined) return known.caller
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

function isSame(shown: Buffer, authorization: string): boolean {
  const bytes = Buffer.from(authorization, 'latin1')
  return bytes.length === shown.length && timingSafeEqual(bytes, shown)
}
