// How descriptors are shared out.

import t from 'tap'
import { descriptorLimit, shareDescriptors } from '../../service/descriptors.ts'

const WISHED = { segments: 256, slots: 16 }

t.test('connections get what the files leave', async (t) => {
  const rows: [limit: number, segments: number, slots: number, connections: number][] = [
    [20_000, 256, 16, 19_664],
    [1_024, 256, 16, 688],
    [256, 64, 16, 112],
    [128, 32, 16, 16],
    [64, 16, 16, 8],
    [1, 1, 1, 8],
    [Number.POSITIVE_INFINITY, 256, 16, Number.POSITIVE_INFINITY],
  ]
  for (const [limit, segments, slots, connections] of rows) {
    t.strictSame(shareDescriptors(limit, WISHED), { segments, slots, connections }, `of ${limit}`)
  }
})

t.test('the limit is that of this process', async (t) => {
  t.ok(descriptorLimit() >= 64)
})
