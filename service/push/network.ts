// What pushing asks of the machine: the addresses of a name, and its own.

import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import type { Resolve } from './connections.ts'

/** As the system resolves names: with its hosts file, its order of addresses and its servers. */
export const resolve: Resolve = (name) => lookup(name, { all: true })

/** What the network cards of this machine answer to. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((cards) => (cards ?? []).map(({ address }) => address))
}
