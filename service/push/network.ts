// What pushing asks of the machine: the addresses of a name, and its own.

import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import type { Resolve } from './connections.ts'

/**
 * As the system resolves names: with its hosts file, its order of addresses and its servers. One look-up at a time of each name:
 * the system does few at once, and one whose servers do not answer takes seconds, which others would have to wait for.
 */
export function sharedResolve(lookUp: Resolve = (name) => lookup(name, { all: true })): Resolve {
  const underWay = new Map<string, ReturnType<Resolve>>()
  return (name) => {
    const known = underWay.get(name)
    if (known !== undefined) return known
    const found = lookUp(name).finally(() => underWay.delete(name))
    underWay.set(name, found)
    return found
  }
}

/** What the network cards of this machine answer to. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((cards) => (cards ?? []).map(({ address }) => address))
}
