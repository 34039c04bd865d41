import t from 'tap'
import { networkOf } from '../../../service/access/client-network.ts'
import { FailedAttempts } from '../../../service/access/failed-attempts.ts'
import { ManualClock } from '../../support/manual-clock.ts'

t.test('row A2: the table is bounded, and forgets who was wrong the longest ago', async (t) => {
  const attempts = new FailedAttempts(new ManualClock())
  for (let i = 0; i < 20; i++) attempts.add('192.0.2.1')
  t.ok(attempts.waitMs('192.0.2.1') > 0)
  for (let i = 0; i < 9_999; i++) attempts.add(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  t.ok(attempts.waitMs('192.0.2.1') > 0, 'ten thousand addresses fit in')
  attempts.add('192.0.2.2')
  t.equal(attempts.waitMs('192.0.2.1'), 0)
})

t.test('an address of IPv6 stands for its network', async (t) => {
  const same = ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:ffff::', '2001:db8:0:0:1:2:3:4']
  for (const address of same) t.equal(networkOf(address), '2001:db8:0:0::/64', address)
  t.not(networkOf('2001:db8:0:1::1'), networkOf('2001:db8::1'))
  t.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1')
  t.equal(networkOf('::1'), '0:0:0:0::/64')
  t.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0::/64')
})
