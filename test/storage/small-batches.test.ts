// Copies of small batches keep their bytes for as long as somebody holds their page, and no longer.

import t from 'tap'
import { BufferPool } from '../../storage/base/buffer-pool.ts'
import { SmallBatches } from '../../storage/log/small-batches.ts'

t.test('what is held keeps its bytes, and what was let go of is used again', (t) => {
  const batches = new SmallBatches(new BufferPool())
  const held = Array.from({ length: 200 }, (_, i) => {
    const { bytes, page } = batches.copy(Buffer.alloc(1 + ((i * 37) % 4_096), i))
    page?.hold()
    return { i, bytes, page }
  })
  const memory = new Set(held.map(({ bytes }) => bytes.buffer))
  t.ok(memory.size < 40, 'they lie side by side')
  for (const { i, bytes } of held) t.ok(bytes.every((byte) => byte === i % 256))
  for (const { page } of held) page?.release()
  const again = Array.from({ length: 100 }, () => batches.copy(Buffer.alloc(1_000)).bytes.buffer)
  t.ok(again.every((buffer) => memory.has(buffer)))
  t.end()
})

t.test('a large one has its own memory', (t) => {
  const batch = Buffer.alloc(5_000, 1)
  const { bytes, page } = new SmallBatches(new BufferPool()).copy(batch)
  t.equal(page, undefined)
  t.same(bytes, batch)
  t.not(bytes.buffer, batch.buffer)
  t.end()
})
