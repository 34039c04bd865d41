import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { PageMemory } from '../../../service/http/page-memory.ts'

function answer(closed = false): ServerResponse {
  return Object.assign(new EventEmitter(), { closed }) as unknown as ServerResponse
}

t.test('memory is used again once the answer is out, and not before', async (t) => {
  const memory = new PageMemory()
  const loan = memory.lend(60)
  const page = loan.allocate(60)
  const out = answer()
  loan.endWith(out)
  t.not(memory.lend(60).allocate(60).buffer, page.buffer, 'the answer still needs it')
  out.emit('close')
  t.equal(memory.lentBytes, 60)
  const smaller = memory.lend(20).allocate(20)
  t.equal(smaller.buffer, page.buffer)
  t.equal(smaller.length, 20)
  out.emit('close')
  t.equal(memory.keptBytes, 0, 'it comes back once')
})

t.test('pages on their way take no more than the bound: further ones are refused until some are out', async (t) => {
  const memory = new PageMemory({ lentMax: 100 })
  const first = memory.lend(60)
  t.throws(() => memory.lend(50), { code: 'OVERLOADED' })
  t.equal(memory.lentBytes, 60, 'a refusal takes nothing')
  const second = memory.lend(40)
  first.end()
  memory.lend(60).end()
  second.end()
  memory.lend(1_000).end()
  t.equal(memory.lentBytes, 0, 'a single page may be larger than the bound')
})

t.test('no more waits to be used again than the bound', async (t) => {
  const memory = new PageMemory({ keptMax: 100 })
  const loan = memory.lend(160)
  for (const size of [60, 60, 40]) loan.allocate(size)
  loan.end()
  t.equal(memory.keptBytes, 100)
})

t.test('a connection that was gone before takes nothing', async (t) => {
  const memory = new PageMemory()
  const loan = memory.lend(60)
  loan.allocate(60)
  loan.endWith(answer(true))
  t.equal(memory.lentBytes, 0)
})
