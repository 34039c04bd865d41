// Which names this service answers to, and which web pages may write to it: so that no page in a browser that can reach it does
// something in its user's name.
//
// A page of another site sends its `Origin`, and is refused. One whose name was pointed at this machine after it was loaded
// (DNS rebinding) is of the same origin, but names itself in `Host`. A number in `Host` cannot have been pointed anywhere, and
// `localhost` is always this machine.
//
// With a token asked for, a page has nothing to come in with; then any name will do as long as no list says otherwise.

import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { DwellError } from '../../storage/index.ts'

const NAME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/

export class ServedHosts {
  readonly #names = new Set<string>()
  /** `.example.com` for `*.example.com`. */
  readonly #endings: string[] = []
  readonly #anyName: boolean
  /** The one that was allowed last: nearly all requests name the same. */
  #last: string | undefined

  /**
   * `setting` is a list of names, `*.name` for all below one; `asksForTokens` whether nobody comes in without a token.
   * @throws INVALID_SETTING
   */
  constructor(setting: string, asksForTokens: boolean) {
    const entries = setting.split(',').map((entry) => entry.trim().toLowerCase()).filter((entry) => entry !== '') // biome-ignore format: short
    for (const entry of entries) {
      const isWild = entry.startsWith('*.')
      const name = isWild ? entry.slice(2) : entry
      if (!NAME.test(name)) {
        const sentence = `DWELL_ALLOWED_HOSTS has ${JSON.stringify(entry)}, which is neither a name nor *.name; without a port.`
        throw new DwellError('INVALID_SETTING', sentence, { setting: 'DWELL_ALLOWED_HOSTS' })
      }
      if (isWild) this.#endings.push(`.${name}`)
      else this.#names.add(name)
    }
    this.#anyName = entries.length === 0 && asksForTokens
  }

  /** @throws HOST_NOT_ALLOWED, ORIGIN_NOT_ALLOWED */
  check({ host, origin }: IncomingHttpHeaders): void {
    // No browser leaves it out.
    if (host !== undefined && !this.#anyName && host !== this.#last && !this.#allows(host)) {
      const sentence = `This service does not answer to the name ${JSON.stringify(host.slice(0, 100))}. Name it in DWELL_ALLOWED_HOSTS.`
      throw new DwellError('HOST_NOT_ALLOWED', sentence)
    }
    this.#last = host ?? this.#last
    if (origin !== undefined && !isSameOrigin(origin, host))
      throw new DwellError(
        'ORIGIN_NOT_ALLOWED',
        'A page of another site (its Origin is not this Host) may not ask this service. A proxy must hand on the Host that it was asked for; name it in DWELL_ALLOWED_HOSTS.',
      )
  }

  #allows(host: string): boolean {
    const name = nameIn(host)
    if (name === undefined) return false
    if (isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')) return true
    return this.#names.has(name) || this.#endings.some((ending) => name.endsWith(ending))
  }
}

/** The name or address in a `Host` header, without port, brackets and a dot at its end; undefined when it is none. */
function nameIn(host: string): string | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(host)
  return (found?.[1] ?? found?.[2])?.toLowerCase().replace(/\.$/, '')
}

/** A page that this service itself delivered. */
function isSameOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)
}
