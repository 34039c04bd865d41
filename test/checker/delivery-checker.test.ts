// The checker of delivery is worth what it finds: beside each history that cannot be true stands one that is nearly the same
// and can. The number is that of the list of anomalies.

import t from 'tap'
import { NUMBERS } from './findings.ts'
import type { Try } from './history.ts'
import { accepted, DUE, Story } from './story.ts'

const DEAD = { state: 'dead' }
const TO_1S = (dueAtMs: number) => ({ state: 'retrying', tier: '1s', dueAtMs })
const KEYED = { order: 'key' } as const

/** Messages 1 and on, in the topic at offsets as their numbers; with one key if they have any. */
function story(count: number, key?: string): Story {
  const begun = new Story()
  for (let n = 1; n <= count; n++) {
    begun.publish({ n, ...(key && { key }) }, { id: `id-${n}`, dueAtMs: DUE }).stands('alpha', n, n, DUE, key)
  }
  return begun.at(2_100)
}

/** Delivered and accepted. */
function done(of: Story, n: number, deliveryCount = 1, attempts?: Try[]): Story {
  return of.acquire(n, deliveryCount, undefined, n, attempts).acknowledge(n, deliveryCount, 'accept', accepted)
}

/** Delivered, released to the first tier, and there until a second later: until 3,102 when nothing else was before. */
function released(of: Story, n: number): Story {
  of.acquire(n, 1)
  return of.acknowledge(n, 1, 'release', TO_1S(of.nowMs + 1_000)).stands('alpha.one.retry.1s', n, 0)
}

/** Its lock was over twice. */
function thirdDelivery(of: Story): Story {
  of.acquire(1, 1).stands('alpha.one.retry.1s', 1, 0).at(4_000)
  return of.acquire(1, 2).stands('alpha.one.retry.2s', 1, 0).at(8_000)
}

/** Delivered and rejected; `place` is where it lies dead. */
function died(of: Story, n: number, place = 0): Story {
  return of.acquire(n, 1).acknowledge(n, 1, 'reject', DEAD).stands('alpha.one.dlq', n, place)
}

/** One delayed message. */
const COUNTED = { publishedDelayed: 1, dispatched: 1 }
const REJECTED: Try = { atMs: 2_103, cause: 'CLIENT_REJECT', reason: '' }
const RELEASED: Try = { atMs: 2_103, cause: 'CLIENT_RELEASE', reason: 'busy' }
const EXPIRED: Try = { atMs: 2_601, cause: 'LOCK_EXPIRED', reason: '' }

/** Message 1 died, was redriven, and accepted then. */
function redriven(of = story(1)): Story {
  died(of, 1).redrive('t').redriven('t').stands('alpha.one.retry.redrive', 1, 0)
  return of.acquire(1, 1, 'again', 1, [REJECTED]).acknowledge(1, 1, 'accept', accepted, undefined, 'again')
}

const CASES: [number: number, anomaly: string, what: string, bad: Story, good: Story][] = [
  [
    8,
    'two of a key under way',
    'the next of a key while one is in flight, or after it',
    story(2, 'a').configure(KEYED).acquire(1, 1).acquire(2, 1),
    done(done(story(2, 'a').configure(KEYED), 1), 2),
  ],
  [
    8,
    'two of a key under way',
    'the next of a key while one waits in a lane, or where no order is kept',
    done(done(released(story(2, 'a').configure(KEYED), 1), 2).at(3_300), 1, 2),
    done(done(released(story(2, 'a'), 1), 2).at(3_300), 1, 2),
  ],
  [
    8,
    'overtaken within a key',
    'the earlier one comes after the later, or has another key',
    done(done(story(2, 'a').configure(KEYED), 2), 1),
    done(done(story(2).configure(KEYED), 2), 1),
  ],
  [
    8,
    'overtaken within a key',
    'a record that comes back, or one that begins anew',
    done(done(released(story(2, 'a').configure(KEYED), 1), 2).at(3_300), 1, 2, [RELEASED]),
    done(died(story(2, 'a').configure(KEYED), 1).redrive('t').redriven('t').stands('alpha.one.retry.redrive', 1, 0), 2)
      .acquire(1, 1, 'again', 1, [REJECTED])
      .acknowledge(1, 1, 'accept', accepted, undefined, 'again'),
  ],
  [
    10,
    'delivered after it was settled',
    'accepted, and asked for after that or before',
    done(story(1), 1).acquire(1, 2),
    story(1)
      .together(
        (one) => one.acquireLost(),
        (other) => done(other, 1),
      )
      .at(3_000),
  ],
  [
    10,
    'delivered after it was settled',
    'dead, and not redriven',
    died(story(1), 1).dead(1, 'CLIENT_REJECT', 1).acquire(1, 2),
    redriven(),
  ],
  [10, 'left over', 'lag at the end', done(story(1), 1).ends(1), done(story(1), 1).ends(0)],
  [10, 'left over', 'in flight at the end', done(story(1), 1).ends(0, 1), done(story(1), 1)],
  [10, 'left over', 'waiting at the end', done(story(1), 1).ends(0, 0, 1), done(story(1), 1)],
  [10, 'left over', 'ready at the end', done(story(1), 1).scales({ ready: 1 }), done(story(1), 1).scales({})],
  [10, 'unresolved', 'pushed, and refused or accepted', story(1).push(1, 1, 500), story(1).push(1, 1, 200)],
  [
    11,
    'two holders',
    'before its lock was over, or after',
    released(story(1), 1).at(2_300).acquire(1, 2, 'r1-2').at(2_400).acquire(1, 3, 'r1-3'),
    done(story(1).acquire(1, 1).stands('alpha.one.retry.1s', 1, 0).at(3_700), 1, 2, [EXPIRED]),
  ],
  [
    11,
    'two holders',
    'while its end was not asked for, or was, too late, and nobody knows what came of it',
    story(1).acquire(1, 1).at(2_300).acquire(1, 2).at(2_400).acknowledge(1, 1, 'accept'),
    done(story(1).acquire(1, 1).stands('alpha.one.retry.1s', 1, 0).at(3_700), 1, 2, [EXPIRED])
      .at(4_000)
      .acknowledge(1, 1, 'accept'),
  ],
  [
    11,
    'two holders',
    'pushed again before the first push ended, or after',
    story(1)
      .together(
        (one) => one.push(1, 1, 200),
        (other) => other.at(2_300).push(1, 2, 200).at(2_900),
      )
      .stands('alpha.one.retry.1s', 1, 0),
    story(1).push(1, 1, 500).at(3_400).push(1, 2, 200).stands('alpha.one.retry.1s', 1, 0),
  ],
  [
    12,
    'wrong count',
    'one left out, with an answer lost or without',
    done(story(1).stands('alpha.one.retry.1s', 1, 0), 1, 2),
    done(story(1).acquireLost().stands('alpha.one.retry.1s', 1, 0).at(3_700), 1, 2),
  ],
  [
    12,
    'wrong count',
    'two left out with one answer lost',
    done(story(1).acquireLost().stands('alpha.one.retry.1s', 1, 0).stands('alpha.one.retry.2s', 1, 0), 1, 3),
    done(
      story(1).acquireLost().acquireLost().stands('alpha.one.retry.1s', 1, 0).stands('alpha.one.retry.2s', 1, 0),
      1,
      3,
    ),
  ],
  [12, 'wrong count', 'begun anew, with a redrive or without', done(done(story(1), 1), 1), redriven()],
  [
    12,
    'wrong count',
    'beyond the tiers, as they were or as they are',
    done(thirdDelivery(story(1).configure({ retryMs: [1_000] })), 1, 3),
    done(thirdDelivery(story(1).configure({ retryMs: [1_000, 2_000] })), 1, 3),
  ],
  [
    13,
    'lane records not as counted',
    'a try twice in its lane, or once',
    done(released(story(1), 1).stands('alpha.one.retry.1s', 1, 1).at(3_300), 1, 2),
    done(released(story(1), 1).at(3_300), 1, 2),
  ],
  [
    13,
    'lane records not as counted',
    'dead and in a lane, or dead only',
    died(story(1), 1).dead(1, 'CLIENT_REJECT', 1).stands('alpha.one.retry.1s', 1, 0),
    died(story(1), 1).dead(1, 'CLIENT_REJECT', 1),
  ],
  [
    13,
    'attempts changed',
    'another reason than before, or one more try',
    done(
      released(story(1), 1)
        .at(3_300)
        .acquire(1, 2, undefined, 1, [RELEASED])
        .acknowledge(1, 2, 'release', { state: 'retrying', tier: '2s', dueAtMs: 5_302 })
        .stands('alpha.one.retry.2s', 1, 0)
        .at(5_500),
      1,
      3,
      [
        { ...RELEASED, reason: 'another' },
        { ...RELEASED, atMs: 3_303 },
      ],
    ),
    done(
      released(story(1), 1)
        .at(3_300)
        .acquire(1, 2, undefined, 1, [RELEASED])
        .acknowledge(1, 2, 'release', { state: 'retrying', tier: '2s', dueAtMs: 5_302 })
        .stands('alpha.one.retry.2s', 1, 0)
        .at(5_500),
      1,
      3,
      [RELEASED, { ...RELEASED, atMs: 3_303 }],
    ),
  ],
  [
    13,
    'dead letter wrong',
    'redriven and dead all the same, or dead again',
    redriven(story(1)).dead(1, 'CLIENT_REJECT', 1),
    died(story(1), 1)
      .redrive('t')
      .redriven('t')
      .stands('alpha.one.retry.redrive', 1, 0)
      .acquire(1, 1, 'again', 1, [REJECTED])
      .acknowledge(1, 1, 'reject', DEAD, undefined, 'again')
      .stands('alpha.one.dlq', 1, 1)
      .dead(1, 'CLIENT_REJECT', 2, 1),
  ],
  [
    13,
    'dead letter wrong',
    'one more is counted than is listed',
    died(story(1), 1).dead(1, 'CLIENT_REJECT', 1).deadCount(2),
    died(story(1), 1).dead(1, 'CLIENT_REJECT', 1).deadCount(1),
  ],
  [
    14,
    'tier too short',
    'a millisecond before it is due again, or then',
    done(released(story(1), 1).at(3_100), 1, 2),
    done(released(story(1), 1).at(3_101), 1, 2),
  ],
  [
    14,
    'tier too short',
    'after its lock was over',
    done(story(1).acquire(1, 1).stands('alpha.one.retry.1s', 1, 0).at(3_400), 1, 2, [EXPIRED]),
    done(story(1).acquire(1, 1).stands('alpha.one.retry.1s', 1, 0).at(3_650), 1, 2, [EXPIRED]),
  ],
  [
    14,
    'wrong tier',
    'the one after the next, or the next',
    story(1)
      .acquire(1, 1)
      .acknowledge(1, 1, 'release', { state: 'retrying', tier: '2s', dueAtMs: 4_200 })
      .stands('alpha.one.retry.2s', 1, 0),
    released(story(1), 1).ends(0, 0, 0).at(3_300).acquire(1, 2).acknowledge(1, 2, 'accept', accepted),
  ],
  [
    14,
    'wrong tier',
    'of a list that was changed before, or meanwhile',
    done(released(story(1).configure({ retryMs: [2_000] }), 1).at(3_300), 1, 2),
    done(
      story(1)
        .together(
          (one) => one.configure({ retryMs: [2_000] }),
          (other) => released(other, 1),
        )
        .at(3_300),
      1,
      2,
    ),
  ],
  [
    14,
    'wrong tier',
    'due before the delay of its own, or the tier, is over',
    done(
      released(story(1), 1)
        .acquire(1, 2)
        .acknowledge(1, 2, 'release', { state: 'retrying', tier: 'delayed', dueAtMs: 2_200 }, 900),
      1,
      3,
    ),
    done(
      story(1)
        .acquire(1, 1)
        .acknowledge(1, 1, 'release', { state: 'retrying', tier: 'delayed', dueAtMs: 3_002 }, 900)
        .stands('alpha.one.retry.delayed', 1, 0)
        .at(3_200),
      1,
      2,
    ),
  ],
  [
    14,
    'wrong tier',
    'later than its tier and its jitter, or within them',
    done(
      story(1)
        .configure({ retryMs: [1_000], jitter: 0.5 })
        .acquire(1, 1)
        .acknowledge(1, 1, 'release', { state: 'retrying', tier: 'delayed', dueAtMs: 3_700 })
        .stands('alpha.one.retry.delayed', 1, 0)
        .at(3_800),
      1,
      2,
    ),
    done(
      story(1)
        .configure({ retryMs: [1_000], jitter: 0.5 })
        .acquire(1, 1)
        .acknowledge(1, 1, 'release', { state: 'retrying', tier: 'delayed', dueAtMs: 3_500 })
        .stands('alpha.one.retry.delayed', 1, 0)
        .at(3_600),
      1,
      2,
    ),
  ],
  [
    14,
    'wrong tier',
    'dead though a tier was left, or none was',
    story(1)
      .acquire(1, 1)
      .acknowledge(1, 1, 'release', DEAD)
      .stands('alpha.one.dlq', 1, 0)
      .dead(1, 'DELIVERY_COUNT_EXCEEDED', 1),
    story(1)
      .configure({ retryMs: [] })
      .acquire(1, 1)
      .acknowledge(1, 1, 'release', DEAD)
      .stands('alpha.one.dlq', 1, 0)
      .dead(1, 'DELIVERY_COUNT_EXCEEDED', 1),
  ],
  [19, 'redrive wrong', 'moved twice, or once', redriven().stands('alpha.one.retry.redrive', 1, 1), redriven()],
  [
    19,
    'redrive wrong',
    'moved to the lane of nobody that died',
    died(story(1), 1).redrive('t').redriven('t').stands('alpha.one.retry.redrive', 2, 0),
    redriven(),
  ],
  [
    19,
    'redrive wrong',
    'it says that it moved none',
    died(story(1), 1).redrive('t').redriven('t', { moved: 0 }).stands('alpha.one.retry.redrive', 1, 0),
    redriven(),
  ],
  [
    19,
    'redrive wrong',
    'matched and not moved, alone or while somebody purged',
    died(story(1), 1).redrive('t').running('t').running().redriven('t', { moved: 0 }).dead(1, 'CLIENT_REJECT', 1),
    died(story(1), 1).redrive('t').purge(1).running().redriven('t', { moved: 0 }),
  ],
  [
    19,
    'redrive wrong',
    'dead before it began and after it was done, or of another key',
    died(story(1, 'a'), 1)
      .listed(1)
      .redrive('t', 'a')
      .redriven('t', { matched: 0, moved: 0 })
      .dead(1, 'CLIENT_REJECT', 1),
    died(story(1, 'a'), 1)
      .listed(1)
      .redrive('t', 'b')
      .redriven('t', { matched: 0, moved: 0 })
      .dead(1, 'CLIENT_REJECT', 1),
  ],
  [19, 'redrive wrong', 'it runs for ever', redriven().redriven('u', { state: 'running', moved: 0 }), redriven()],
  [19, 'redrive wrong', 'it is not listed', redriven().redrive('u'), redriven()],
  [
    19,
    'purge wrong',
    'more is gone than was purged, for sure or perhaps',
    died(story(1), 1).purge(0),
    died(story(1), 1).purge('info'),
  ],
  [
    19,
    'purge wrong',
    'less is gone than was purged',
    died(story(1), 1).purge(1).dead(1, 'CLIENT_REJECT', 1),
    died(story(1), 1).purge(1),
  ],
  [
    19,
    'purge wrong',
    'listed before and after, or of another key',
    died(story(1, 'a'), 1).listed(1).purge(1, 'a').listed(1),
    died(story(1, 'a'), 1).listed(1).purge(0, 'b').listed(1).dead(1, 'CLIENT_REJECT', 1),
  ],
  [
    10,
    'explained wrong',
    'said to wait when it was accepted, or before',
    done(story(1), 1).explain(1, 'retrying'),
    done(story(1).explain(1, 'ready'), 1).explain(1, 'finished'),
  ],
  [
    13,
    'explained wrong',
    'said to be accepted at the end, and dead',
    died(story(1), 1).dead(1, 'CLIENT_REJECT', 1).note('final read').explain(1, 'accepted'),
    died(story(1), 1).dead(1, 'CLIENT_REJECT', 1).note('final read').explain(1, 'dead'),
  ],
  [
    20,
    'dishonest metrics',
    'fewer dead letters than there are, or as many',
    died(story(1), 1)
      .dead(1, 'CLIENT_REJECT', 1)
      .at(60_000)
      .metrics({ ...COUNTED, dead: 0 }),
    died(story(1), 1)
      .dead(1, 'CLIENT_REJECT', 1)
      .at(60_000)
      .metrics({ ...COUNTED, dead: 1 }),
  ],
  [
    20,
    'dishonest metrics',
    'more redriven than there are',
    redriven().metrics({ ...COUNTED, redriven: 2 }),
    redriven().metrics({ ...COUNTED, redriven: 1 }),
  ],
  [
    10,
    'delivered while paused',
    'asked for after the pause, or after its end',
    done(story(1).group('pause'), 1).group('resume'),
    done(story(1).group('pause').group('resume'), 1),
  ],
]

for (const [number, anomaly, what, bad, good] of CASES) {
  t.test(`finds ${number}: ${anomaly}, ${what}`, async (t) => {
    const found = bad.check().violations.map((violation) => violation.anomaly)
    t.ok(found.includes(anomaly), `found ${found.join(', ') || 'nothing'}`)
    t.same(good.check().violations, [], 'and nothing where it is right')
  })
}

t.test('all twenty-two anomalies are looked for', async (t) => {
  const numbers = [...new Set(Object.values(NUMBERS))].sort((a, b) => a - b)
  t.same(
    numbers,
    Array.from({ length: 22 }, (_, i) => i + 1),
  )
  for (const [number, anomaly] of CASES) if (anomaly in NUMBERS) t.equal(number, NUMBERS[anomaly], anomaly)
})

t.test('of a group that was moved only the least is said', async (t) => {
  const moved = done(done(story(1), 1).group('reset'), 1)
  t.same(moved.check().violations, [])
  const misplaced = done(story(1), 1).group('reset').acquire(1, 1, 'other', 5)
  t.ok(misplaced.check().violations.some(({ anomaly }) => anomaly === 'different place'))
})

t.test('of lanes that were trimmed nothing is counted', async (t) => {
  const trimmed = done(story(1).acquireLost().at(3_700), 1, 2)
  trimmed.final.described['alpha.one.retry.1s'] = {
    cleanup: 'delete',
    retentionBytes: null,
    partitions: [{ logStartOffset: 1, highWatermark: 1, sizeBytes: 0 }],
  }
  t.same(trimmed.check().violations, [])
})
