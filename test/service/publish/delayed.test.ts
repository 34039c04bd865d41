import t from 'tap'
import { idOf } from '../../../service/publish/delayed.ts'
import { DwellError } from '../../../storage/index.ts'
import { DelayedRig, messageOf } from './delayed-rig.ts'

async function rigWith(...ids: string[]): Promise<{ rig: DelayedRig; named: string[]; dueAtMs: number }> {
  const rig = new DelayedRig()
  await rig.start()
  const dueAtMs = rig.clock.wallMs() + 10_000
  const results = await rig.publisher.publish(
    'orders',
    ids.map((id, i) => messageOf(`m${i}`, dueAtMs, id)),
  )
  const named = results.map((result, i) => (result.kind === 'delayed' ? idOf(ids[i], dueAtMs, result.delayOffset) : ''))
  return { rig, named, dueAtMs }
}

t.test('promise 9: while the disk is low nothing is put off; what makes room goes on', async (t) => {
  const { rig, named, dueAtMs } = await rigWith('', 'own', 'own-too')
  t.teardown(() => rig.crash())
  rig.space.admit = () => {
    throw new DwellError('DISK_LOW', 'The disk is nearly full.')
  }
  for (const id of named) {
    await t.rejects(rig.delayed.reschedule('orders', id, dueAtMs + 1), { code: 'DISK_LOW' })
    t.match(await rig.delayed.lookUp('orders', id), { state: 'pending', dueAtMs })
  }
  await rig.delayed.cancel('orders', named[0])
  await rig.delayed.cancel('orders', named[1])
  t.match(await rig.delayed.dispatchNow('orders', named[2]), { state: 'dispatched', offset: 0 })
})

t.test('what a change did to an id is in __ids with it: also who never asks the wheel knows it', async (t) => {
  const { rig, named, dueAtMs } = await rigWith('', 'a', 'b')
  t.teardown(() => rig.crash())
  const topicId = rig.engine.topic('orders')?.id ?? 0
  const [server, a, b] = named
  t.equal(rig.ids.find(topicId, server), undefined, 'an id that the server gave needs no entry')
  await rig.delayed.reschedule('orders', server, dueAtMs + 90_000)
  await rig.delayed.reschedule('orders', a, dueAtMs + 1)
  await rig.delayed.cancel('orders', b)
  rig.crash()
  await rig.start()
  t.match(rig.ids.find(topicId, server), { state: 'pending', dueAtMs: dueAtMs + 90_000 }, 'unless it was moved')
  t.match(rig.ids.find(topicId, a), { state: 'pending', dueAtMs: dueAtMs + 1 })
  t.match(rig.ids.find(topicId, b), { state: 'cancelled', dueAtMs })
  t.match(await rig.delayed.dispatchNow('orders', server), { id: server, state: 'dispatched' })
  t.match(rig.ids.find(topicId, server), { state: 'dispatched', offset: 0 })
  t.match(await rig.publisher.publish('orders', [messageOf('again', dueAtMs, 'a')]), [
    { duplicate: true, dueAtMs: dueAtMs + 1 },
  ])
})

t.test('to read a message costs no more than its batch, and only when it has to be moved', async (t) => {
  const { rig, named, dueAtMs } = await rigWith('a', 'b', '')
  t.teardown(() => rig.crash())
  const read = rig.engine.read.bind(rig.engine)
  let reads = 0
  rig.engine.read = (topic, partition, from, bytes) => {
    if (topic === '__delay' && bytes === 1) reads++
    return read(topic, partition, from, bytes)
  }
  await rig.delayed.lookUp('orders', named[0])
  await rig.delayed.cancel('orders', named[0])
  t.equal(reads, 0, 'what __ids knows need not be read to be believed')
  await rig.delayed.reschedule('orders', named[1], dueAtMs + 1)
  t.equal(reads, 1)
  await rig.delayed.cancel('orders', named[2])
  t.equal(reads, 2, 'an id that the server gave may be forged')
})
