// Where pushes may go: the setting PUSH_ALLOWED_HOSTS. Names (`example.com`), all names below one (`*.example.com`), addresses
// and networks (`10.0.0.0/8`), with commas between them. Empty: push is off.
//
// Two questions, both asked for every connection (connections.ts), the first also when a URL is set:
//   1. Is the host of the URL named? A name by a name, an address by an address or a network.
//   2. May the very address be dialled that the name stands for at that moment? Public ones may; special ones
//      (special-addresses.ts), and those of this machine itself, only when the setting names them or their network.
//
// So a name that is changed to point inside, also between the two questions, leads nowhere.

import { BlockList, isIP } from 'node:net'
import { DwellError } from '../../storage/index.ts'
import { addNetwork, isIn, plainAddress, specialKind } from './special-addresses.ts'

const NAME = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/

export class AllowedHosts {
  readonly #names = new Set<string>()
  /** `.example.com` for `*.example.com`. */
  readonly #suffixes: string[] = []
  readonly #networks = new BlockList()
  readonly #ownAddresses: () => readonly string[]
  readonly isEmpty: boolean

  /**
   * `ownAddresses` answers those of this machine.
   * @throws INVALID_SETTING
   */
  constructor(setting: string, ownAddresses: () => readonly string[] = () => []) {
    const entries = setting.split(',').map((entry) => entry.trim()).filter((entry) => entry !== '') // biome-ignore format: short
    for (const entry of entries) this.#add(entry)
    this.isEmpty = entries.length === 0
    this.#ownAddresses = ownAddresses
  }

  #add(entry: string): void {
    const bare = entry.replace(/^\[(.*)\]$/, '$1')
    if (addNetwork(this.#networks, bare)) return
    const isWild = entry.startsWith('*.')
    const name = hostOf(isWild ? entry.slice(2) : entry)
    if (name === undefined || isIP(name) !== 0 || !NAME.test(name)) {
      const sentence = `PUSH_ALLOWED_HOSTS has "${entry}", which is no name, *.name, address or network such as 10.0.0.0/8.`
      throw new DwellError('INVALID_SETTING', sentence, { setting: 'PUSH_ALLOWED_HOSTS' })
    }
    if (isWild) this.#suffixes.push(`.${name}`)
    else this.#names.add(name)
  }

  /** Whether the setting names this host of a URL, as URL.hostname gives it. */
  names(hostname: string): boolean {
    const host = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
    if (isIP(host) !== 0) return isIn(this.#networks, host) || isIn(this.#networks, plainAddress(host))
    return (
      this.#names.has(host) || this.#suffixes.some((suffix) => host.length > suffix.length && host.endsWith(suffix))
    )
  }

  /** Why this address may not be dialled; undefined when it may. */
  refusalOf(address: string): string | undefined {
    const plain = plainAddress(address)
    if (isIP(plain) === 0) return 'is no address'
    if (isIn(this.#networks, address.split('%')[0]) || isIn(this.#networks, plain)) return undefined
    const kind = specialKind(plain)
    if (kind !== undefined) return `is ${kind}`
    return this.#ownAddresses().includes(plain) ? 'is an address of this machine' : undefined
  }
}

/** A host as URLs have it: lower case, other scripts in punycode. */
function hostOf(name: string): string | undefined {
  if (/[/:@?#\\\s[\]]/.test(name)) return undefined
  try {
    return new URL(`http://${name}`).hostname.replace(/\.$/, '')
  } catch {
    return undefined
  }
}
