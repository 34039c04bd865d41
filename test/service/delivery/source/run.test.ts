import t from 'tap'
import { MOVES, Run, Status } from '../../../../service/delivery/source/run.ts'

const token = Buffer.alloc(16)
const lock = { lockMs: 10, deadlineMs: 20 }

t.test('a record moves only as the table says', async (t) => {
  for (const [name, status] of Object.entries(Status)) {
    for (const [move, { from, to }] of Object.entries(MOVES)) {
      const run = new Run(5, token, Uint8Array.of(status, Status.acquired), lock)
      const isLegal = status === from
      t.equal(run.move(5, MOVES[move as keyof typeof MOVES]), isLegal, `${move} of a record that is ${name}`)
      t.equal(run.statuses[0], isLegal ? to : status)
    }
  }
})

t.test('nothing beside the run moves', async (t) => {
  const run = Run.acquired(5, 2, token, lock)
  for (const offset of [4, 7, -1, 2 ** 50, Number.NaN]) t.notOk(run.move(offset, MOVES.leave))
})

t.test('open ones and the first of them', async (t) => {
  const run = Run.acquired(5, 3, token, lock)
  t.same([run.open, run.firstOpen, run.end], [3, 5, 8])
  run.move(5, MOVES.leave)
  t.same([run.open, run.firstOpen], [3, 5], 'what leaves is open')
  run.move(5, MOVES.finish)
  t.same([run.open, run.firstOpen], [2, 6])
  t.same([...run.part(6, 8).statuses], [Status.acquired, Status.acquired])
  for (const offset of [6, 7]) run.move(offset, MOVES.leave) && run.move(offset, MOVES.finish)
  t.same([run.open, run.firstOpen], [0, 8])
})
