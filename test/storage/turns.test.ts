import t from 'tap'
import { Turns } from '../../storage/base/turns.ts'

t.test('no more run at once than may, the others in the order in which they came', async (t) => {
  const turns = new Turns(2)
  const begun: number[] = []
  const ends: (() => void)[] = []
  const tasks = [0, 1, 2, 3, 4].map((i) =>
    turns.run(() => {
      begun.push(i)
      return new Promise<number>((resolve) => ends.push(() => resolve(i)))
    }),
  )
  t.same([begun, turns.waiting], [[0, 1], 3])
  ends[1]()
  await tasks[1]
  t.same([begun, turns.waiting], [[0, 1, 2], 2])
  for (let i = 0; i < 5; i++) {
    ends[i]()
    await new Promise(setImmediate)
  }
  t.same(await Promise.all(tasks), [0, 1, 2, 3, 4])
})

t.test('a task that fails passes its turn on', async (t) => {
  const turns = new Turns(1)
  const failing = turns.run(() => Promise.reject(new Error('no')))
  const next = turns.run(async () => 'yes')
  await t.rejects(failing, { message: 'no' })
  t.equal(await next, 'yes')
  t.equal(await turns.run(async () => 'again'), 'again')
})
