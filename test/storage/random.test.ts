// Chance out of a pool is given out once.

import t from 'tap'
import { SystemRandom } from '../../storage/base/random.ts'

t.test('no bytes come twice, of whatever size', (t) => {
  const random = new SystemRandom()
  const seen = new Set<string>()
  const sizes = [16, 8, 24, 4_096, 16, 10_000, 4_090, 16]
  for (let i = 0; i < 1_000; i++) {
    const size = sizes[i % sizes.length]
    const bytes = random.bytes(size)
    t.equal(bytes.length, size)
    seen.add(bytes.toString('latin1', 0, 8))
  }
  t.equal(seen.size, 1_000)
  t.end()
})

t.test('what was given out does not change', (t) => {
  const random = new SystemRandom()
  const first = random.bytes(16)
  const before = first.toString('hex')
  for (let i = 0; i < 1_000; i++) random.bytes(16)
  t.equal(first.toString('hex'), before)
  t.end()
})
