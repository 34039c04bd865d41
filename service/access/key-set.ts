// The public keys by which JSON Web Tokens are signed (RFC 7517), out of a file or from an address, and when they are asked for
// again.
//
// Always true:
//   1. Only the address of the setting is ever asked, never one that a token names; no redirect is followed; an answer has at
//      most BYTES_MAX bytes, and RESPONSE_MS to arrive.
//   2. One request at a time, and none sooner than COOLDOWN_MS after the one before, whatever tokens are shown.
//   3. While the address does not answer, the keys from before serve for AGE_MS_MAX; then there are none.

import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { type Clock, DwellError, type Log, type Timer } from '../../storage/index.ts'

export const COOLDOWN_MS = 30_000
export const REFRESH_MS = 10 * 60_000
export const AGE_MS_MAX = 24 * 3_600_000
export const BYTES_MAX = 256 * 1024
const RESPONSE_MS = 5_000
const KEYS_MAX = 100

/** Finds the key for a token. Another object when the keys have changed. */
export interface KeySet {
  /** Undefined while there are none that can be trusted. */
  readonly keys: JWTVerifyGetKey | undefined
  /** Asks again, when that is worth it: for a token whose key is not among them. */
  renew(): Promise<void>
  close(): Promise<void>
}

/**
 * The keys of a JSON Web Key Set.
 * @throws INVALID_KEYS; secret keys are none that a service should be shown
 */
export function readKeys(text: string): JWTVerifyGetKey {
  let set: JSONWebKeySet
  try {
    set = JSON.parse(text)
  } catch {
    throw wrong('it is not valid JSON')
  }
  if (!Array.isArray(set?.keys) || set.keys.length === 0) throw wrong('it must be {"keys": [ … ]}, with at least one')
  if (set.keys.length > KEYS_MAX) throw wrong(`it has more than ${KEYS_MAX} keys`)
  if (set.keys.some((key) => key?.kty === 'oct' || key?.d !== undefined)) throw wrong('a key in it is not a public one')
  return createLocalJWKSet(set)
}

function wrong(what: string): DwellError {
  return new DwellError('INVALID_KEYS', `The keys of JSON Web Tokens cannot be used: ${what}.`)
}

export interface RemoteKeySetOptions {
  address: string
  clock: Clock
  log: Log
  /** Called when the keys could not be had. */
  onFailure?: () => void
}

export class RemoteKeySet implements KeySet {
  readonly #options: RemoteKeySetOptions
  #keys: JWTVerifyGetKey | undefined
  #text = ''
  #hadAtMs = Number.NEGATIVE_INFINITY
  #askedAtMs = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined
  #timer: Timer | undefined
  readonly #closing = new AbortController()

  private constructor(options: RemoteKeySetOptions) {
    this.#options = options
  }

  /** Asks for the keys, and goes on asking; that there are none yet is no reason not to start. */
  static async open(options: RemoteKeySetOptions): Promise<RemoteKeySet> {
    const set = new RemoteKeySet(options)
    await set.renew()
    set.#schedule()
    return set
  }

  get keys(): JWTVerifyGetKey | undefined {
    return this.#options.clock.monotonicMs() - this.#hadAtMs <= AGE_MS_MAX ? this.#keys : undefined
  }

  async renew(): Promise<void> {
    const isTooSoon = this.#options.clock.monotonicMs() - this.#askedAtMs < COOLDOWN_MS
    if (this.#asking === undefined && isTooSoon) return
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    await this.#asking
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#timer?.cancel()
    await this.#asking
  }

  #schedule(): void {
    if (this.#closing.signal.aborted) return
    this.#timer = this.#options.clock.setTimer(
      () => void this.renew().then(() => this.#schedule()),
      this.#keys === undefined ? COOLDOWN_MS : REFRESH_MS,
    )
  }

  async #ask(): Promise<void> {
    const { address, clock, log, onFailure } = this.#options
    this.#askedAtMs = clock.monotonicMs()
    const late = new AbortController()
    const timer = clock.setTimer(() => late.abort(new Error(`it took longer than ${RESPONSE_MS} ms`)), RESPONSE_MS)
    try {
      const text = await fetchText(address, AbortSignal.any([this.#closing.signal, late.signal]))
      if (text !== this.#text) this.#keys = readKeys(text)
      this.#text = text
      this.#hadAtMs = clock.monotonicMs()
    } catch (error) {
      if (this.#closing.signal.aborted) return
      log.warn({ address, error: (error as Error).message }, 'The keys of JSON Web Tokens cannot be had.')
      onFailure?.()
    } finally {
      timer.cancel()
    }
  }
}

async function fetchText(address: string, signal: AbortSignal): Promise<string> {
  const answer = await fetch(address, { redirect: 'error', signal, headers: { accept: 'application/json' } })
  if (answer.status !== 200) {
    await answer.body?.cancel()
    throw new Error(`the address answered ${answer.status}`)
  }
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of answer.body ?? []) {
    size += part.length
    if (size > BYTES_MAX) throw new Error(`the answer has more than ${BYTES_MAX} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}
