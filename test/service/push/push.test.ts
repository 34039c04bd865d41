import t from 'tap'
import { until } from '../../support/until.ts'
import { PushRig, TestEndpoint } from './push-rig.ts'

t.test('what is published is pushed and accepted', async (t) => {
  const endpoint = await TestEndpoint.start(t)
  const rig = await PushRig.start(t)
  await rig.push(endpoint.url)
  await rig.published('a', 'b', 'c')
  await until(() => rig.groups.groups.stats().acknowledged.accept === 3)
  t.same(endpoint.bodies.sort(), ['a', 'b', 'c'])
  t.match(endpoint.received[0], { method: 'POST', url: '/hook?a=1' })
  t.match(rig.groups.groups.describe('orders', 'billing').partitions, [{ startOffset: 3, inFlight: 0, lag: 0 }])
  await rig.published('d')
  await until(() => rig.groups.groups.stats().acknowledged.accept === 4)
  t.equal(endpoint.connections <= 3, true, 'connections are used again')
  t.match(rig.pusher.stats(), { endpoints: 1, paused: 0, underWay: 0, bytes: 0, pushes: { accept: 4 } })
})
