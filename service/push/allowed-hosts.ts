// Where pushes may go: the setting PUSH_ALLOWED_HOSTS. Names (`example.com`), all names below one (`*.example.com`), addresses
// and networks (`10.0.0.0/8`), with commas between them. Empty: push is off.
//
// Two questions, both asked for every connection (connections.ts), the first also when a URL is set:
//   1. Is the host of the URL named? A name by a name, an address by an address or a network.
//   2. May the very address be dialled that the name stands for at that moment? Public ones may. Special ones
//      (special-addresses.ts) only when the setting names them, or a network of nothing else: `0.0.0.0/0` names no loopback, and
//      `fd00::/8` not the metadata service that lies in it. Those of this machine itself only when a network holds them.
//
// So a name that is changed to point inside, also between the two questions, leads nowhere.

import { BlockList, isIP } from 'node:net'
import { DwellError } from '../../storage/index.ts'
import { addNetwork, isIn, plainAddress, reachedThrough, specialOf } from './special-addresses.ts'

/** Those of an address that stands alone. */
const BITS_MAX = 128
const NAME = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/

export class AllowedHosts {
  readonly #names = new Set<string>()
  /** `.example.com` for `*.example.com`. */
  readonly #suffixes: string[] = []
  readonly #networks: { block: BlockList; bits: number }[] = []
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
    const slashAt = bare.indexOf('/')
    const prefix = slashAt < 0 ? '' : bare.slice(slashAt)
    const block = new BlockList()
    if (addNetwork(block, plainAddress(slashAt < 0 ? bare : bare.slice(0, slashAt)) + prefix)) {
      this.#networks.push({ block, bits: prefix === '' ? BITS_MAX : Number(prefix.slice(1)) })
      return
    }
    const isWild = entry.startsWith('*.')
    const name = hostOf(isWild ? entry.slice(2) : entry)
    if (name === undefined || isIP(name) !== 0 || !NAME.test(name)) {
      const sentence = `DWELL_PUSH_ALLOWED_HOSTS has "${entry}", which is no name, *.name, address or network such as 10.0.0.0/8.`
      throw new DwellError('INVALID_SETTING', sentence, { setting: 'DWELL_PUSH_ALLOWED_HOSTS' })
    }
    if (isWild) this.#suffixes.push(`.${name}`)
    else this.#names.add(name)
  }

  /** Whether the setting names this host of a URL, as URL.hostname gives it. */
  names(hostname: string): boolean {
    const host = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
    if (isIP(host) !== 0) return this.#holds(plainAddress(host))
    return (
      this.#names.has(host) || this.#suffixes.some((suffix) => host.length > suffix.length && host.endsWith(suffix))
    )
  }

  /** Why this address may not be dialled; undefined when it may. */
  refusalOf(address: string): string | undefined {
    const plain = plainAddress(address)
    if (isIP(plain) === 0) return 'is no address'
    const special = specialOf(plain)
    if (special !== undefined && !this.#holds(plain, special.bits)) return `is ${special.kind}`
    const beyond = reachedThrough(plain)
    if (beyond !== undefined) return this.refusalOf(beyond)
    return special === undefined && this.#ownAddresses().includes(plain) && !this.#holds(plain)
      ? 'is an address of this machine'
      : undefined
  }

  /** Whether a network of the setting holds a plain address: one of at least so many bits. */
  #holds(address: string, bitsMin = 0): boolean {
    return this.#networks.some(({ block, bits }) => bits >= bitsMin && isIn(block, address))
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
