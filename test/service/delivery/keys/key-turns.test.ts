import t from 'tap'
import { hashOfKey, KeyTurns, TURNS_MAX } from '../../../../service/delivery/keys/key-turns.ts'

function listening() {
  const turns = new KeyTurns()
  const told: string[] = []
  turns.join({
    keyFreed: (hash) => told.push(`freed ${hash}`),
    keyTaken: (hash) => told.push(`taken ${hash}`),
  })
  return { turns, told }
}

t.test('nothing is free before it is known what is under way', async (t) => {
  const { turns } = listening()
  t.ok(turns.isBusy(7) && turns.isFull)
  turns.beginLoading()
  turns.goOn(7, 'tier')
  turns.goOn(8, 'held')
  t.ok(turns.loaded([9, 0]))
  t.same(
    [7, 8, 9, 0, 10].map((hash) => turns.isBusy(hash)),
    [true, false, true, false, false],
  )
  turns.forget()
  t.ok(turns.isBusy(10))
  t.notOk(turns.loaded([]), 'what was found before is not used')
})

t.test('a key is free when the last of its records is over', async (t) => {
  const { turns, told } = listening()
  turns.beginLoading()
  turns.loaded([])
  turns.begin(7)
  turns.goOn(7, 'tier')
  turns.end(7)
  t.ok(turns.isBusy(7))
  turns.end(7)
  turns.end(7)
  t.same(told, ['taken 7', 'freed 7'])
})

t.test('so many keys and no more are busy at a time', async (t) => {
  const { turns } = listening()
  turns.beginLoading()
  turns.loaded(Array.from({ length: TURNS_MAX - 1 }, (_, n) => n + 1))
  t.notOk(turns.isFull)
  turns.begin(TURNS_MAX)
  t.ok(turns.isFull)
  turns.end(1)
  t.notOk(turns.isFull)
})

t.test('a record without a key has no hash, one with an empty key has', async (t) => {
  t.equal(hashOfKey(null), 0)
  t.not(hashOfKey(Buffer.alloc(0)), 0)
})
