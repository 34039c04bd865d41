// The checker is worth what it finds: a good history passes, and each anomaly is found in a history made for it. Those of
// messages that are changed, listed and counted stand in history-checker.test.ts.

import t from 'tap'
import { check } from './checker.ts'
import type { DescribedTopic } from './history.ts'
import { accepted, DUE, good, Story } from './story.ts'

t.test('a good history has no anomaly', async (t) => {
  t.same(good().check().violations, [])
  const retried = new Story()
    .publish({ n: 1 }, { id: 'id-1', dueAtMs: DUE })
    .stands('alpha', 1)
    .at(2_100)
    .acquire(1, 1)
    .acknowledge(1, 1, 'release', { state: 'retrying', tier: '1s', dueAtMs: 3_100 })
    .stands('alpha.one.retry.1s', 1, 0)
    .at(3_100)
    .acquire(1, 2)
    .acknowledge(1, 2, 'reject', { state: 'dead' })
    .stands('alpha.one.dlq', 1, 0)
    .dead(1, 'CLIENT_REJECT', 2)
    .state(1, 'dispatched', 1)
  t.same(retried.check().violations, [])
  const unsure = new Story()
    .publish({ n: 1 }, 'info')
    .publish({ n: 2 }, 'fail')
    .publish({ n: 3 }, { id: 'id-3' })
    .cancel(3)
  t.same(unsure.check().violations, [], 'what was not answered may or may not have happened')
})

const CUT: Partial<DescribedTopic> = {
  retentionBytes: 400,
  partitions: [{ logStartOffset: 5, highWatermark: 1_000, sizeBytes: 500 }],
}

t.test('what compaction and retention take is not lost', async (t) => {
  const superseded = new Story()
    .about('users', { cleanup: 'compact' })
    .publish({ n: 1, key: 'a', delayed: false, notBeforeMs: 1_000 }, { partition: 0, offset: 3 })
    .publish({ n: 2, key: 'a', delayed: true }, { id: 'id-2', dueAtMs: DUE })
    .publish({ n: 3, key: 'a', delayed: false, notBeforeMs: 3_000 }, { partition: 0, offset: 9 })
    .stands('users', 3, 9, 3_000, 'a')
    .state(2, 'unknown')
  t.same(superseded.check().violations, [])
  const cut = new Story()
    .about('users', CUT)
    .publish({ n: 1, delayed: false }, { partition: 0, offset: 4 })
    .publish({ n: 2 }, { id: 'id-2', dueAtMs: DUE })
    .stands('users', 3, 5, 4_000)
    .publish({ n: 3 }, 'info')
  t.same(cut.check().violations, [])
})

t.test('a message is not late while nobody is there', async (t) => {
  const story = new Story().publish({ n: 1 }, { dueAtMs: DUE }).stands('alpha', 1, 1, 60_000).down(2_500, 55_000)
  t.notOk(story.check().violations.some(({ anomaly }) => anomaly === 'late'))
})

t.test('changes of a topic: the last that was answered, or one of which nobody knows', async (t) => {
  const limited = (retentionBytes: number) => new Story().about('limited', { retentionBytes })
  t.same(
    limited(100).alter({ retentionBytes: 100 }, true).alter({ retentionBytes: 200 }, 'info').check().violations,
    [],
  )
  t.same(
    limited(200).alter({ retentionBytes: 100 }, true).alter({ retentionBytes: 200 }, 'info').check().violations,
    [],
  )
  t.same(limited(100).alter({ retentionBytes: 100 }, true).alter(undefined, false).check().violations, [])
})

t.test('it counts what it saw', async (t) => {
  const { counts } = good().check()
  t.match(counts, { 'publish ok': 1, 'messages published': 1, deliveries: 1, 'acknowledge: acknowledged': 1 })
})

t.throws(() =>
  check([{ op: 1, call: 'publish', kind: 'fail', atMs: 0, value: '' }], new Story().final, { retryMs: [] }),
)

const BAD: [anomaly: string, what: string, story: Story][] = [
  ['lost', 'answered and nowhere', new Story().publish({ n: 1 }, { id: 'id-1', dueAtMs: DUE })],
  ['duplicate', 'there twice', good().stands('alpha', 7, 9)],
  ['early', 'timestamp before its due', new Story().publish({ n: 1 }, { dueAtMs: DUE }).stands('alpha', 1, 1, DUE - 1)],
  [
    'early',
    'delivered before its due',
    new Story().publish({ n: 1 }, { dueAtMs: DUE }).stands('alpha', 1).at(1_500).acquire(1, 1),
  ],
  ['early', 'promised before what was asked', new Story().publish({ n: 1 }, { dueAtMs: DUE - 10 }).stands('alpha', 1)],
  ['late', '', new Story().publish({ n: 1 }, { dueAtMs: DUE }).stands('alpha', 1, 1, 60_000).down(2_500, 20_000)],
  ['dishonest metrics', '', good().end().metrics({ pending: 1 })],
  [
    'lost',
    'compacted away, and nothing of its key is left',
    new Story()
      .about('users', { cleanup: 'compact' })
      .publish({ n: 1, key: 'a', delayed: false }, { partition: 0, offset: 3 })
      .stands('users', 2, 9, DUE, 'b'),
  ],
  [
    'lost',
    'compacted away by an earlier one',
    new Story()
      .about('users', { cleanup: 'compact' })
      .publish({ n: 1, key: 'a', delayed: false }, { partition: 0, offset: 3 })
      .stands('users', 2, 2, DUE, 'a'),
  ],
  ['lost', 'behind the log start', new Story().about('users', CUT).publish({ n: 1 }, { partition: 0, offset: 5 })],
  [
    'lost',
    'due later than the first that is kept',
    new Story()
      .about('users', CUT)
      .publish({ n: 1, notBeforeMs: 9_000 }, { dueAtMs: 9_000 })
      .stands('users', 2, 5, 4_000),
  ],
  ['retention took too much', '', new Story().about('users', { ...CUT, retentionBytes: 600 })],
  [
    'change lost',
    'the one before',
    new Story()
      .about('limited', { retentionBytes: 100 })
      .alter({ retentionBytes: 100 }, true)
      .alter({ retentionBytes: 200 }, true),
  ],
  ['change lost', 'partitions', new Story().about('limited').alter({ partitions: 2 }, true)],
  ['change lost', 'deleted and back', new Story().about('limited').alter(undefined, true)],
  [
    'water mark moved back',
    '',
    new Story()
      .about('users', { partitions: [{ logStartOffset: 0, highWatermark: 3, sizeBytes: 500 }] })
      .publish({ n: 1, delayed: false }, { partition: 0, offset: 3 }),
  ],
  [
    'out of order within a key',
    'immediate',
    new Story()
      .publish({ n: 1, key: 'a', delayed: false }, { partition: 0, offset: 2 })
      .publish({ n: 2, key: 'a', delayed: false }, { partition: 0, offset: 1 })
      .stands('alpha', 2, 1)
      .stands('alpha', 1, 2),
  ],
  [
    'out of order within a key',
    'delayed',
    new Story()
      .publish({ n: 1, key: 'a' }, { id: 'id-1', dueAtMs: 3_000 })
      .publish({ n: 2, key: 'a' }, { id: 'id-2', dueAtMs: 3_001 })
      .stands('alpha', 2, 1, 3_001)
      .stands('alpha', 1, 2, 3_001),
  ],
  ['phantom', 'never published', new Story().publish({ n: 1 }, 'info').stands('alpha', 99)],
  ['phantom', 'refused, and there', new Story().publish({ n: 1 }, 'fail').stands('alpha', 1)],
  [
    'wrong place',
    'another lies where it was answered',
    good().publish({ n: 8, delayed: false }, { partition: 0, offset: 7 }).stands('alpha', 8),
  ],
  ['not cancelled and not there', 'look-up names another place', good().state(7, 'dispatched', 6)],
  ['offsets out of order', 'one offset twice', good().stands('alpha', 8, 7)],
  ['torn batch', 'one of two', good().publish({ n: 1 }, 'info', 5).publish({ n: 2 }, 'info', 5).stands('alpha', 1, 20)],
  ['cancelled but there', '', good().cancel(7, 'cancelled')],
  ['not cancelled and not there', '', new Story().publish({ n: 1 }, 'info').cancel(1, 'dispatched')],
  ['answers disagree', 'cancelled and dispatched', good().cancel(7, 'cancelled').cancel(7, 'dispatched')],
  ['answers disagree', 'unknown to cancel', good().cancel(7, 'unknown')],
  ['answers disagree', 'pending for ever', good().state(7, 'pending')],
  ['answers disagree', 'forgotten', good().state(7, 'unknown')],
  ['delivered after it was settled', 'accepted', good().acquire(7, 2)],
  [
    'delivered after it was settled',
    'rejected',
    new Story().at(2_100).acquire(1, 1).acknowledge(1, 1, 'reject', { state: 'dead' }).acquire(1, 2),
  ],
  ['settled twice', '', good().acquire(7, 2).acknowledge(7, 2, 'accept', accepted)],
  ['two holders', '', new Story().at(2_100).acquire(1, 1).at(2_300).acquire(1, 2)],
  ['wrong count', 'the same again', new Story().at(2_100).acquire(1, 1).at(2_700).acquire(1, 1, 'other')],
  ['wrong count', 'one left out', new Story().at(2_100).acquire(1, 2)],
  ['wrong count', 'beyond the tiers', new Story().at(2_100).acquire(1, 5)],
  ['different place', '', good().at(2_800).acquire(7, 2, 'other', 8)],
  ['receipt refused', '', new Story().at(2_100).acquire(1, 1).acknowledge(1, 1, 'accept', { state: 'invalid' })],
  [
    'tier too short',
    '',
    new Story()
      .at(2_100)
      .acquire(1, 1)
      .acknowledge(1, 1, 'release', { state: 'retrying', tier: '1s', dueAtMs: 3_100 })
      .at(3_000)
      .acquire(1, 2),
  ],
  [
    'lane record missing',
    '',
    new Story().at(2_100).acquire(1, 1).acknowledge(1, 1, 'release', { state: 'retrying', tier: '1s', dueAtMs: 3_100 }),
  ],
  [
    'lane record missing',
    'own delay',
    new Story()
      .at(2_100)
      .acquire(1, 1)
      .acknowledge(1, 1, 'release', { state: 'retrying', tier: 'delayed', dueAtMs: 3_002 }, 900),
  ],
  ['lane records not as counted', 'doubled', good().stands('alpha.one.retry.1s', 7, 0)],
  ['lane records not as counted', 'dead', good().dead(7, 'CLIENT_REJECT', 3).stands('alpha.one.dlq', 7, 0)],
  [
    'dead letter wrong',
    'twice',
    good().dead(7, 'CLIENT_REJECT', 1).dead(7, 'CLIENT_REJECT', 1).stands('alpha.one.dlq', 7, 0),
  ],
  ['dead letter wrong', 'accepted and dead', good().dead(7, 'CLIENT_REJECT', 1).stands('alpha.one.dlq', 7, 0)],
  [
    'dead letter wrong',
    'too few attempts',
    new Story().stands('alpha', 1).dead(1, 'DELIVERY_COUNT_EXCEEDED', 2).stands('alpha.one.dlq', 1, 0),
  ],
  [
    'dead letter wrong',
    'said, not listed',
    new Story().at(2_100).acquire(1, 1).acknowledge(1, 1, 'reject', { state: 'dead' }),
  ],
  ['unresolved', 'never delivered', good().publish({ n: 8 }, { dueAtMs: DUE }).stands('alpha', 8)],
  ['left over', 'lag at the end', good().ends(1)],
  ['left over', 'in flight at the end', good().ends(0, 1)],
]

for (const [anomaly, what, story] of BAD) {
  t.test(`finds: ${anomaly}${what && `, ${what}`}`, async (t) => {
    const found = story.check().violations.map((violation) => violation.anomaly)
    t.ok(found.includes(anomaly), `found ${found.join(', ') || 'nothing'}`)
  })
}
