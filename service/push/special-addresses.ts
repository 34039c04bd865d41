// Addresses that are not the public internet: what lies there did not choose to be reached by whoever may set a push URL.
//
// From the IANA registries of special-purpose addresses (RFC 6890), and the metadata services of clouds. Of IPv6 only global
// unicast (2000::/3) is public at all. An IPv4 address inside of IPv6 (`::ffff:…`) counts as that IPv4 address; other ways to
// reach IPv4 through IPv6 (NAT64, 6to4, Teredo) are special as a whole.

import { BlockList, isIP } from 'node:net'

const SPECIAL: readonly (readonly [network: string, kind: string])[] = [
  ['0.0.0.0/8', 'this network'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'carrier-grade NAT'],
  ['127.0.0.0/8', 'loopback'],
  ['168.63.129.16/32', 'a metadata service'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', '6to4 relay'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['64:ff9b::/96', 'NAT64'],
  ['64:ff9b:1::/48', 'NAT64'],
  ['2001::/32', 'Teredo'],
  ['2001::/23', 'reserved'],
  ['2001:db8::/32', 'documentation'],
  ['2002::/16', '6to4'],
  ['3fff::/20', 'documentation'],
  ['fc00::/7', 'private'],
  ['fe80::/10', 'link-local'],
  ['ff00::/8', 'multicast'],
]

const BLOCKS = SPECIAL.map(([network, kind]) => {
  const block = new BlockList()
  addNetwork(block, network)
  return { block, kind }
})
const GLOBAL_UNICAST = new BlockList()
addNetwork(GLOBAL_UNICAST, '2000::/3')

/** Adds `10.0.0.0/8`, or a single address; false when it is neither. */
export function addNetwork(to: BlockList, network: string): boolean {
  const [address, prefix, more] = network.split('/')
  const family = isIP(address)
  if (family === 0 || more !== undefined) return false
  const bits = family === 4 ? 32 : 128
  if (prefix !== undefined && !(/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)) return false
  to.addSubnet(address, prefix === undefined ? bits : Number(prefix), familyName(address))
  return true
}

export function isIn(network: BlockList, address: string): boolean {
  return network.check(address, familyName(address))
}

function familyName(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6'
}

const MAPPED = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/

/** The address that is meant: without a zone, and IPv4 where it only dresses as IPv6. */
export function plainAddress(address: string): string {
  const [plain] = address.split('%')
  if (isIP(plain) !== 6) return plain
  const mapped = MAPPED.exec(new URL(`http://[${plain}]`).hostname)
  if (mapped === null) return plain
  const [high, low] = [Number.parseInt(mapped[1], 16), Number.parseInt(mapped[2], 16)]
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}

/** Why a plain address is not public; undefined when it is. */
export function specialKind(address: string): string | undefined {
  const special = BLOCKS.find(({ block }) => isIn(block, address))
  if (special !== undefined) return special.kind
  return isIP(address) === 4 || isIn(GLOBAL_UNICAST, address) ? undefined : 'reserved'
}
