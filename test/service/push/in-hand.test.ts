// Renewing the locks of what an endpoint has in hand.

import t from 'tap'
import type { Delivery } from '../../../service/delivery/index.ts'
import { InHand } from '../../../service/push/in-hand.ts'
import { SharedBound } from '../../../service/push/shared-bound.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function rig(first: number) {
  const clock = new ManualClock()
  const beganMs = clock.monotonicMs()
  const renewals: string[] = []
  const settings = { lockMs: first }
  const hand = new InHand({
    clock,
    bytes: new SharedBound(1_000).join(() => {}),
    lockMs: () => settings.lockMs,
    renew: (receipt, lockMs) => renewals.push(`${clock.monotonicMs() - beganMs} ${receipt} for ${lockMs}`),
  })
  return { clock, hand, settings, renewals }
}

t.test('the locks of what comes after the lock was shortened are renewed in time', async (t) => {
  const { clock, hand, settings, renewals } = rig(3_600_000)
  hand.add([deliveryOf('before')], settings.lockMs)
  await clock.advance(1_000)
  settings.lockMs = 9_000
  hand.add([deliveryOf('after')], settings.lockMs)
  await clock.advance(9_000)
  t.strictSame(renewals, ['4000 after for 9000', '7000 after for 9000', '10000 after for 9000'])
  renewals.length = 0
  await clock.advance(1_200_000)
  t.match(
    renewals.find((said) => / before /.test(said)),
    /^90\d\d\d\d before for 9000$/,
    'and of the others, in theirs',
  )
  hand.close()
  t.equal(clock.nextTimerInMs, Number.POSITIVE_INFINITY)
})

t.test('the locks of what came before the lock was made longer are renewed in time', async (t) => {
  const { clock, hand, settings, renewals } = rig(9_000)
  hand.add([deliveryOf('first')], settings.lockMs)
  await clock.advance(2_000)
  hand.add([deliveryOf('second')], settings.lockMs)
  settings.lockMs = 3_600_000
  await clock.advance(9_000)
  t.strictSame(renewals, ['3000 first for 3600000', '6000 second for 3600000'])
})

function deliveryOf(receipt: string): Delivery {
  return {
    receipt,
    topic: 'orders',
    partition: 0,
    offset: 0,
    timestampMs: 0,
    body: Buffer.alloc(1),
    deliveryCount: 1,
    lockedUntilMs: 0,
    attempts: [],
  }
}
