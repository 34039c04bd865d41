// `dwell topics` and `groups`: what they show, and that nothing is taken away without --yes.

import t from 'tap'
import { commandRig } from './command-rig.ts'

t.setTimeout(110_000)

const { server, call, json, publish } = await commandRig(t)

await server.client.call('PUT', '/v1/topics/orders', { body: { partitions: 2 } })
await publish('orders', [0, 1, 2, 3, 4].map((value) => ({ value, partition: value % 2 }))) // biome-ignore format: short

t.test('topics', async (t) => {
  t.match(await call('topics', 'put', 'prices', '--cleanup', 'compact', '--retention', '7d'), { code: 0, out: 'The topic prices has 4 partitions.\n' }) // biome-ignore format: short
  t.same((await call('topics', 'list')).out.split('\n'), ['TOPIC   PARTITIONS  RETENTION  RETENTION-BYTES  CLEANUP', 'orders           2  -          -                delete', 'prices           4  7d         -                compact', '']) // biome-ignore format: short
  t.match((await call('topics', 'get', 'orders')).out, /^ +0 +0 +3 +3 +\d+\n +1 +0 +2 +2 +\d+\n$/m)
  t.match(await call('topics', 'read', 'orders', '1', '--offset', '1'), { code: 0, out: /^1 {2}20\S+Z {2}- {2}3\n$/ })
  t.match(await call('topics', 'put', 'orders', '--partitions', '1'), { code: 1, error: /cannot|shrink|fewer/ })
  t.match(await call('topics', 'get', 'nothing'), { code: 1, error: /nothing/ })
  t.match(await call('topics', 'delete', 'prices'), { code: 0, out: /This would concern the topic prices: 0 records and 0 groups\.\nNothing was changed/ }) // biome-ignore format: short
  t.equal((await json('topics', 'list')).topics.length, 2)
  t.match(await call('topics', 'delete', 'prices', '--yes'), { code: 0, out: /^Deleted the topic prices/ })
  t.equal((await json('topics', 'list')).topics.length, 1)
})

t.test('groups: a table of the lag, and a reset that is shown before it is done', async (t) => {
  t.match(await call('groups', 'put', 'orders', 'billing', '--retry', '1s,1m', '--order', 'key', '--jitter', '0.5'), { code: 0, out: /^billing of orders: retry 1s,1m with jitter 0.5, lock 30s, order key/ }) // biome-ignore format: short
  t.match(await call('consume', 'orders', 'billing', '--max', '4', '--json'), { code: 0 })
  const { out } = await call('groups', 'describe', 'orders', 'billing')
  t.match(out, /^GROUP +TOPIC +PARTITION +START-OFFSET +END-OFFSET +LAG +IN-FLIGHT +WAITING +DEAD\nbilling +orders +0 +\d/) // biome-ignore format: short
  const lag = async () => (await json('groups', 'describe', 'orders', 'billing')).partitions.reduce((sum: number, one: { lag: number }) => sum + one.lag, 0) // biome-ignore format: short
  t.equal(await lag(), 1)
  const shown = await call('groups', 'reset', 'orders', 'billing', 'earliest')
  t.match(shown, { code: 0, out: /^PARTITION +FROM +TO +COMES-AGAIN +LEFT-OUT\n[\s\S]*Nothing was changed/ })
  t.equal(await lag(), 1)
  const preview = await json('groups', 'reset', 'orders', 'billing', 'earliest', '--yes')
  t.match(preview, { done: true })
  t.equal(preview.partitions.reduce((sum: number, { again }: { again: number }) => sum + again, 0), 4) // biome-ignore format: short
  t.equal(await lag(), 5)
  const future = await json('groups', 'reset', 'orders', 'billing', '2100-01-01T00:00:00Z')
  t.same(future.partitions.map(({ skipped }: { skipped: number }) => skipped), [3, 2]) // biome-ignore format: short
  t.match(await call('groups', 'reset', 'orders', 'billing', 'yesterday'), { code: 1, error: /not a time/ })
  t.match(await call('groups', 'pause', 'orders', 'billing', '--reason', 'bank'), { code: 0 })
  t.match((await call('groups', 'describe', 'orders', 'billing')).out, /^Paused since 20\S+: bank$/m)
  t.match(await call('groups', 'resume', 'orders', 'billing'), { code: 0, out: 'billing of orders goes on.\n' })
  t.match(await call('groups', 'delete', 'orders', 'billing', '--yes'), { code: 0, out: /^Forgot the group billing/ })
})
