// An endpoint that rejects everything must not bury a whole topic.

import t from 'tap'
import { until } from '../../support/until.ts'
import { PushRig, TestEndpoint } from './push-rig.ts'

t.test('too many dead letters of a pushing group pause it; resumed, it goes on and counts anew', async (t) => {
  const endpoint = await TestEndpoint.start(t, ({ answer }) => answer(200, { 'dwell-acknowledge': 'reject' }))
  const rig = await PushRig.start(t, { defaults: { deadLetters: { perMinuteMax: 3 } } })
  const { groups } = rig.groups
  await rig.push(endpoint.url, { concurrency: 1 })
  await rig.published(...Array.from({ length: 20 }, (_, n) => `v${n}`))
  const paused = () => groups.settingsOf('orders', 'billing')?.paused
  await until(() => paused() !== undefined)
  t.match(paused(), { reason: 'More than 3 dead letters within a minute.' })
  const pushed = endpoint.received.length
  t.ok(pushed >= 4 && pushed <= 5, `${pushed} pushes`)
  await rig.published('later')
  t.equal(groups.stats().floods, 1)
  t.equal(endpoint.received.length, pushed, 'nothing is pushed any more')

  endpoint.behave = ({ answer }) => answer(200)
  await groups.resume('orders', 'billing')
  await until(() => groups.stats().acknowledged.accept === 21 - pushed)
  t.equal(paused(), undefined)
})
