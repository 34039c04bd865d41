import t from 'tap'
import { OWN_MAX, Parked } from '../../../../service/delivery/keys/parked.ts'
import { ParkedRoom } from '../../../../service/delivery/keys/parked-room.ts'
import { ReadAheadBudget } from '../../../../service/delivery/source/read-ahead-budget.ts'

function sharing(room: ParkedRoom): Parked {
  const parked = new Parked(new ReadAheadBudget())
  parked.share(room)
  return parked
}

function add(parked: Parked, count: number, from = 0): void {
  for (let offset = from; offset < from + count; offset++) parked.add({ offset, hash: 7 })
}

t.test(
  'one that took all that is shared leaves the others their own part, and gives back what it lets go',
  async (t) => {
    const room = new ParkedRoom(500)
    const [greedy, modest] = [sharing(room), sharing(room)]
    t.equal(greedy.room, OWN_MAX + 500)
    add(greedy, OWN_MAX + 500)
    t.same([greedy.room, modest.room], [0, OWN_MAX])
    greedy.remove(0)
    t.same([greedy.room, modest.room], [1, OWN_MAX + 1])
    greedy.clear()
    t.same([greedy.room, modest.room], [OWN_MAX + 500, OWN_MAX + 500])
  },
)

t.test('what was restored counts when it begins to share, be it more than there is room for', async (t) => {
  const room = new ParkedRoom(500)
  const restored = new Parked(new ReadAheadBudget())
  add(restored, OWN_MAX + 800)
  t.equal(room.left, 500)
  restored.share(room)
  t.equal(room.left, 0)
  for (let offset = 0; offset < 400; offset++) restored.remove(offset)
  t.equal(room.left, 100)
})

const SIZE = 1024 * 1024
const record = (offset: number) => ({ offset, timestampMs: 0, body: Buffer.alloc(SIZE) })

t.test('what is acquired keeps its body until it is finished', async (t) => {
  const budget = new ReadAheadBudget()
  const parked = new Parked(budget)
  add(parked, 2)
  parked.keep(record(0))
  parked.remove(0)
  t.equal(parked.kept(0)?.offset, 0)
  t.equal(budget.bytes, SIZE)
  parked.finished(0)
  t.equal(parked.kept(0), undefined)
  t.equal(budget.bytes, 0)
})
