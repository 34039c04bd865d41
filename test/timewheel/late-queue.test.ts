import t from 'tap'
import { LateQueue } from '../../timewheel/late-queue.ts'

t.test('what is late is known by its offset and by the least due time, before and after some of it is taken', (t) => {
  const late = new LateQueue()
  t.equal(late.leastDueAtMs, Number.POSITIVE_INFINITY)
  for (const [offset, dueAtMs] of [50, 20, 70, 40].entries()) {
    late.push({ dueAtMs, offset, envelope: Buffer.alloc(10), stored: false })
  }
  t.equal(late.leastDueAtMs, 20)
  t.ok(late.has(1))
  t.strictSame(
    late.take(2, 1_000).map(({ offset }) => offset),
    [0, 1],
  )
  t.equal(late.leastDueAtMs, 40)
  t.notOk(late.has(1))
  t.ok(late.has(3))
  late.take(10, 1_000)
  t.equal(late.leastDueAtMs, Number.POSITIVE_INFINITY)
  t.equal(late.bytes, 0)
  t.end()
})
