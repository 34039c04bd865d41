// Addresses that are not the public internet: what lies there did not choose to be reached by whoever may set a push URL.
//
// From the IANA registries of special-purpose addresses (RFC 6890), and the metadata services of clouds. Of IPv6 only global
// unicast (2000::/3) is public at all. An IPv4 address inside of IPv6 (`::ffff:…`) counts as that IPv4 address; other ways to
// reach IPv4 through IPv6 (NAT64, 6to4, Teredo) are special as a whole, and where the IPv4 address can be read off, it counts too.
//
// The first network of the list that holds an address says what it is: those of metadata services come before what they lie in.

import { BlockList, isIP } from 'node:net'

/** Metadata services hand out the keys of the machine to whoever asks from it. */
const METADATA = 'a metadata service'
const SPECIAL: readonly (readonly [network: string, kind: string])[] = [
  ['100.100.100.200/32', METADATA],
  ['168.63.129.16/32', METADATA],
  ['169.254.169.254/32', METADATA],
  ['169.254.170.2/32', METADATA],
  ['192.0.0.192/32', METADATA],
  ['fd00:ec2::254/128', METADATA],
  ['0.0.0.0/8', 'this network'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'carrier-grade NAT'],
  ['127.0.0.0/8', 'loopback'],
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

/** A kind of address: a network of those above. */
export interface Special {
  kind: string
  /** How many bits of an address make it one of them. */
  bits: number
}

const BLOCKS = SPECIAL.map(([network, kind]) => {
  const block = new BlockList()
  addNetwork(block, network)
  return { block, kind, bits: Number(network.split('/')[1]) }
})
const RESERVED: Special = { kind: 'reserved', bits: 8 }
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

/** The address that is meant: without a zone, and IPv4 where it only dresses as IPv6. */
export function plainAddress(address: string): string {
  const [plain] = address.split('%')
  const groups = isIP(plain) === 6 ? groupsOf(plain) : []
  const isMapped = groups.length === 8 && groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)
  return isMapped ? ipv4Of(groups[6], groups[7]) : plain
}

/** The IPv4 address to which a NAT64 gateway or a 6to4 relay would pass on what is sent to this plain address. */
export function reachedThrough(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined
  const groups = groupsOf(address)
  if (groups[0] === 0x2002) return ipv4Of(groups[1], groups[2])
  const isNat64 = groups[0] === 0x64 && groups[1] === 0xff9b && groups.slice(2, 6).every((group) => group === 0)
  return isNat64 ? ipv4Of(groups[6], groups[7]) : undefined
}

/** The eight groups of an IPv6 address, however it is written. */
function groupsOf(address: string): number[] {
  const [before, after] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const [left, right] = [before, after ?? ''].map((half) => (half === '' ? [] : half.split(':')))
  const zeros = Array<string>(8 - left.length - right.length).fill('0')
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16))
}

function ipv4Of(high: number, low: number): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}

/** Why a plain address is not public; undefined when it is. */
export function specialOf(address: string): Special | undefined {
  const special = BLOCKS.find(({ block }) => isIn(block, address))
  return special ?? (isIP(address) === 4 || isIn(GLOBAL_UNICAST, address) ? undefined : RESERVED)
}
