// Who an address stands for, where what comes from it is counted: itself, or as IPv6 its network of 64 bits, which one machine
// has to itself.

/** Whose address it is, as far as that can be told. */
export function networkOf(address: string): string {
  const plain = address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address
  if (!plain.includes(':')) return plain
  const [head, tail = ''] = plain.split('%')[0].split('::')
  const front = head === '' ? [] : head.split(':')
  const zeros = plain.includes('::') ? 8 - front.length - (tail === '' ? 0 : tail.split(':').length) : 0
  const groups = [...front, ...new Array<string>(Math.max(0, zeros)).fill('0'), ...tail.split(':')]
  return `${groups.slice(0, 4).join(':')}::/64`
}
