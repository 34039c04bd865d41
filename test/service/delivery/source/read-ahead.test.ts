import t from 'tap'
import { ReadAhead } from '../../../../service/delivery/source/read-ahead.ts'
import { ReadAheadBudget } from '../../../../service/delivery/source/read-ahead-budget.ts'

const records = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ offset: first + i, timestampMs: 0, body: Buffer.alloc(0) }))

t.test('goes on in the middle of what was read', async (t) => {
  const budget = new ReadAheadBudget(100)
  const ahead = new ReadAhead(budget)
  ahead.add(records(0, 3), 30)
  ahead.skip(2)
  ahead.add(records(3, 2), 20)
  t.same([ahead.count, ahead.peek(0).offset, ahead.peek(2).offset], [3, 2, 4])
  t.equal(budget.bytes, 50, 'the rest of the first reading pins all of it')
  ahead.skip(3)
  t.same([ahead.count, budget.bytes], [0, 0])
})

t.test('the bound is on all together: those filled longest ago are dropped', async (t) => {
  const budget = new ReadAheadBudget(100)
  const [a, b, c] = [new ReadAhead(budget), new ReadAhead(budget), new ReadAhead(budget)]
  a.add(records(0, 1), 60)
  b.add(records(0, 1), 30)
  c.add(records(0, 1), 50)
  t.same([a.count, b.count, c.count, budget.bytes], [0, 1, 1, 80])
  b.add(records(1, 1), 1_000)
  t.same([b.count, c.count], [2, 0], 'one alone may be larger')
})
