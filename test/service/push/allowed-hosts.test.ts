// Where pushes may go: rows A8 to A10 and A12 of test/faults/README.md.

import t from 'tap'
import { AllowedHosts } from '../../../service/push/allowed-hosts.ts'

/** All the ways to write an address that is not public, as a URL has them, and why it is refused. */
const SPECIAL: [written: string, kind: string][] = [
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['2130706433', 'loopback'],
  ['0x7f000001', 'loopback'],
  ['0x7f.1', 'loopback'],
  ['017700000001', 'loopback'],
  ['0177.0.0.01', 'loopback'],
  ['127.1', 'loopback'],
  ['１２７.0.0.1', 'loopback'],
  ['[::1]', 'loopback'],
  ['[0:0:0:0:0:0:0:1]', 'loopback'],
  ['[::ffff:127.0.0.1]', 'loopback'],
  ['[::ffff:7f00:1]', 'loopback'],
  ['[0:0:0:0:0:ffff:7f00:0001]', 'loopback'],
  ['[::127.0.0.1]', 'reserved'],
  ['[::]', 'unspecified'],
  ['0.0.0.0', 'this network'],
  ['0', 'this network'],
  ['0.1.2.3', 'this network'],
  ['169.254.169.254', 'a metadata service'],
  ['2852039166', 'a metadata service'],
  ['0xA9FEA9FE', 'a metadata service'],
  ['[::ffff:169.254.169.254]', 'a metadata service'],
  ['168.63.129.16', 'a metadata service'],
  ['100.100.100.200', 'a metadata service'],
  ['192.0.0.192', 'a metadata service'],
  ['169.254.170.2', 'a metadata service'],
  ['169.254.1.1', 'link-local'],
  ['192.0.0.8', 'reserved'],
  ['[fd00:ec2::254]', 'a metadata service'],
  ['[fd00:0ec2:0::0:0254]', 'a metadata service'],
  ['[fd00:ec2::253]', 'private'],
  ['[fe80::1]', 'link-local'],
  ['[fec0::1]', 'reserved'],
  ['10.0.0.1', 'private'],
  ['10.255.255.255', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['[::ffff:c0a8:101]', 'private'],
  ['[fc00::1]', 'private'],
  ['[fdff:ffff::1]', 'private'],
  ['100.64.0.1', 'carrier-grade NAT'],
  ['100.127.255.255', 'carrier-grade NAT'],
  ['198.18.0.1', 'benchmarking'],
  ['192.0.2.1', 'documentation'],
  ['198.51.100.7', 'documentation'],
  ['203.0.113.7', 'documentation'],
  ['[2001:db8::1]', 'documentation'],
  ['[3fff::1]', 'documentation'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'reserved'],
  ['[ff02::1]', 'multicast'],
  ['[64:ff9b::7f00:1]', 'NAT64'],
  ['[64:ff9b::8.8.8.8]', 'NAT64'],
  ['[64:ff9b:1::1]', 'NAT64'],
  ['[2002:7f00:1::]', '6to4'],
  ['[2001:0:4136:e378::1]', 'Teredo'],
  ['[2001:10::1]', 'reserved'],
  ['[100::1]', 'reserved'],
  ['[5f00::1]', 'reserved'],
  ['192.88.99.1', '6to4 relay'],
]
const PUBLIC = ['8.8.8.8', '1.1.1.1', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255']
PUBLIC.push('128.0.0.1', '169.253.255.255', '172.15.255.255', '172.32.0.0', '192.167.255.255', '223.255.255.255')
PUBLIC.push('[2606:4700::1111]', '[2a00:1450::1]', '[::ffff:8.8.8.8]', '134744072')

const bare = (written: string) => new URL(`http://${written}/`).hostname.replace(/^\[(.*)\]$/, '$1')

t.test('A8, A10: every special address, however it is written, is refused with its kind', async (t) => {
  const hosts = new AllowedHosts('*.example.com')
  for (const [written, kind] of SPECIAL) {
    t.equal(hosts.refusalOf(bare(written)), `is ${kind}`, written)
    t.notOk(hosts.names(new URL(`http://${written}/`).hostname), `${written} is not named`)
  }
  for (const written of PUBLIC) t.equal(hosts.refusalOf(bare(written)), undefined, `${written} is public`)
  t.equal(hosts.refusalOf('fe80::1%eth0'), 'is link-local', 'with a zone')
  t.equal(hosts.refusalOf('example.com'), 'is no address')
})

t.test('A12: a special address may be dialled when it or its network is named, and no other', async (t) => {
  const hosts = new AllowedHosts('10.1.0.0/16, 127.0.0.1, fd12::/16 ,[::1]')
  for (const address of ['10.1.2.3', '127.0.0.1', 'fd12::7', '::1', '::ffff:10.1.2.3']) {
    t.equal(hosts.refusalOf(address), undefined, address)
    t.ok(hosts.names(address.includes(':') ? `[${address}]` : address), address)
  }
  for (const address of ['10.2.0.1', '127.0.0.2', 'fd13::7', '::ffff:127.0.0.2', '169.254.169.254']) {
    t.ok(hosts.refusalOf(address), address)
    t.notOk(hosts.names(address.includes(':') ? `[${address}]` : address), address)
  }
})

t.test('A12: a network so wide that it holds more than one kind names none of them', async (t) => {
  const wide = new AllowedHosts('0.0.0.0/0,::/0,a.test')
  for (const [written, kind] of SPECIAL) t.equal(wide.refusalOf(bare(written)), `is ${kind}`, written)
  for (const written of PUBLIC) t.equal(wide.refusalOf(bare(written)), undefined, `${written} is public`)
  t.ok(wide.names('8.8.8.8'), 'though it does name public ones')
})

t.test('A12: a metadata service may be dialled when it is named itself, not with what it lies in', async (t) => {
  const clusters = new AllowedHosts('fd00::/8,100.64.0.0/10,169.254.0.0/16,192.0.0.0/24')
  for (const address of ['fd00:ec2::253', '100.64.0.7', '169.254.1.1', '192.0.0.8']) {
    t.equal(clusters.refusalOf(address), undefined, address)
  }
  for (const address of ['fd00:ec2::254', '100.100.100.200', '169.254.169.254', '192.0.0.192']) {
    t.equal(clusters.refusalOf(address), 'is a metadata service', address)
    t.equal(new AllowedHosts(address).refusalOf(address), undefined, `${address}, named`)
    t.equal(new AllowedHosts(`${address}/${address.includes(':') ? 128 : 32}`).refusalOf(address), undefined)
  }
})

t.test('A10: where a gateway to IPv4 is named, the address behind it counts', async (t) => {
  const hosts = new AllowedHosts('64:ff9b::/96,2002::/16,10.0.0.0/8')
  for (const address of ['64:ff9b::8.8.8.8', '64:ff9b::10.1.2.3', '2002:808:808::1', '2002:a01:203::']) {
    t.equal(hosts.refusalOf(bare(`[${address}]`)), undefined, address)
  }
  const inside: [address: string, kind: string][] = [
    ['64:ff9b::127.0.0.1', 'loopback'],
    ['64:ff9b::169.254.169.254', 'a metadata service'],
    ['64:ff9b:0:0:0:0:c0a8:101', 'private'],
    ['2002:7f00:1::', 'loopback'],
    ['2002:a9fe:a9fe::1', 'a metadata service'],
  ]
  for (const [address, kind] of inside) t.equal(hosts.refusalOf(address), `is ${kind}`, address)
})

t.test('A8: addresses of this machine, though public', async (t) => {
  const own = () => ['1.2.3.4', '2606:4700::1111']
  t.equal(new AllowedHosts('a.test', own).refusalOf('1.2.3.4'), 'is an address of this machine')
  t.equal(new AllowedHosts('a.test', own).refusalOf('::ffff:1.2.3.4'), 'is an address of this machine')
  for (const named of ['1.2.3.4', '1.2.3.0/24', '::ffff:1.2.3.4', '[::ffff:102:304]']) {
    t.equal(new AllowedHosts(`a.test,${named}`, own).refusalOf('1.2.3.4'), undefined, named)
  }
})

t.test('names', async (t) => {
  const hosts = new AllowedHosts('Example.com, *.hooks.test, bücher.example, under_score.test')
  const named = [
    'example.com',
    'example.com.',
    'a.hooks.test',
    'a.b.hooks.test',
    'xn--bcher-kva.example',
    'under_score.test',
  ]
  for (const name of named) t.ok(hosts.names(name), name)
  const others = [
    'a.example.com',
    'example.com.evil.test',
    'hooks.test',
    'evilhooks.test',
    'hooks.test.',
    'com',
    '.hooks.test',
    '',
  ]
  for (const name of others) t.notOk(hosts.names(name), name)
})

t.test('empty is off; what is wrong stops the start', async (t) => {
  t.ok(new AllowedHosts('').isEmpty)
  t.ok(new AllowedHosts(' , ').isEmpty)
  t.notOk(new AllowedHosts('a.test').isEmpty)
  const wrong = [
    'http://a.test',
    'a.test:80',
    'a.test/x',
    '*',
    '*.',
    'a.*.test',
    '10.0.0.0/33',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    'u@a.test',
  ]
  wrong.push('::/129', '0x7f.1', '*.127.0.0.1', 'a b', '-a.test', '[::1', 'a..test')
  for (const setting of wrong) t.throws(() => new AllowedHosts(setting), { code: 'INVALID_SETTING' }, setting)
})
