import t from 'tap'
import { deadLetterTopic, laneTopic, tierName } from '../../../service/delivery/lane.ts'

t.test('names of tiers and topics', async (t) => {
  const rows = [
    [0, '0ms'],
    [250, '250ms'],
    [1_000, '1s'],
    [1_500, '1500ms'],
    [5_000, '5s'],
    [60_000, '1m'],
    [90_000, '90s'],
    [1_800_000, '30m'],
    [3_600_000, '1h'],
    [86_400_000, '1d'],
    [90_000_000, '25h'],
  ] as const
  for (const [tierMs, name] of rows) t.equal(tierName(tierMs), name)
  t.equal(laneTopic('orders', 'billing', 'tier', 5_000), 'orders.billing.retry.5s')
  t.equal(laneTopic('orders', 'billing', 'delayed', 0), 'orders.billing.retry.delayed')
  t.equal(deadLetterTopic('orders', 'billing'), 'orders.billing.dlq')
})
