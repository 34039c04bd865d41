// The checker of messages is worth what it finds: beside each history that cannot be true stands one that is nearly the
// same and can.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ANOMALIES, type Anomaly } from './findings.ts'
import { DUE, Story } from './story.ts'

const LATER = 9_000
const DUE_LATER = { notBeforeMs: LATER, dueAtMs: LATER }

/** Messages 1 and on, published, due at DUE. */
function published(count = 1, more: object = {}): Story {
  const story = new Story()
  for (let n = 1; n <= count; n++) story.publish({ n, ...more }, { id: `id-${n}`, dueAtMs: DUE, ...more })
  return story
}

const CASES: [anomaly: Anomaly, what: string, bad: Story, good: Story][] = [
  [
    'lost',
    'a cancel that never was answered may have happened, one that was refused did not',
    published().one('cancel', 1, 'fail'),
    published().one('cancel', 1, 'info'),
  ],
  [
    'lost',
    'moved and nowhere',
    published().reschedule(1, LATER),
    published().reschedule(1, LATER).stands('alpha', 1, 1, LATER),
  ],
  [
    'lost',
    'there, and after a restart not any more',
    published().at(60_000).note('final read').read(1),
    published().stands('alpha', 1).at(60_000).note('final read').read(1),
  ],
  ['lost', 'due long ago, or not yet', published(), published(1, { notBeforeMs: 1e9, dueAtMs: 1e9 })],
  [
    'duplicate',
    '',
    published().at(2_100).read(1, 4).stands('alpha', 1, 5),
    published().at(2_100).read(1, 5).stands('alpha', 1, 5),
  ],
  [
    'early',
    'before the time that it was moved to',
    published()
      .reschedule(1, LATER)
      .stands('alpha', 1, 1, LATER - 1),
    published().reschedule(1, LATER).stands('alpha', 1, 1, LATER),
  ],
  [
    'early',
    'a move that may not have happened',
    published()
      .reschedule(1, LATER, 'info')
      .stands('alpha', 1, 1, DUE - 1),
    published().reschedule(1, LATER, 'info').stands('alpha', 1, 1, DUE),
  ],
  [
    'early',
    'dispatched now, before that was asked for',
    published().at(1_500).one('dispatch', 1, { state: 'dispatched' }).stands('alpha', 1, 1, 1_400),
    published().at(1_500).one('dispatch', 1, { state: 'dispatched' }).stands('alpha', 1, 1, 1_501),
  ],
  [
    'early',
    'read before its time, by a clock that is ahead',
    published().clock(500).at(1_400).read(1),
    published().clock(500).at(1_600).read(1).stands('alpha', 1),
  ],
  [
    'early',
    'by a step that was taken back before it was to be followed',
    published(1, { notBeforeMs: 5_000, dueAtMs: 5_000 }).clock(9_000).at(1_900).clock(0).read(1, 1, 5_000),
    published(1, { notBeforeMs: 5_000, dueAtMs: 5_000 })
      .clock(9_000)
      .at(2_100)
      .clock(0)
      .read(1, 1, 5_000)
      .stands('alpha', 1, 1, 5_000),
  ],
  [
    'late',
    'after the time that it was moved to',
    published()
      .reschedule(1, LATER)
      .stands('alpha', 1, 1, LATER + 10_001),
    published()
      .reschedule(1, LATER)
      .stands('alpha', 1, 1, LATER + 9_999),
  ],
  ['phantom', '', published().read(9), published().stands('alpha', 1)],
  [
    'wrong place',
    'two readers disagree',
    published(2).at(2_100).read(1, 4).read(2, 4),
    published(2).at(2_100).read(1, 4).read(2, 5).stands('alpha', 1, 4).stands('alpha', 2, 5),
  ],
  [
    'wrong place',
    'the answer of its publication',
    new Story().publish({ n: 1, delayed: false }, { partition: 0, offset: 3 }).stands('alpha', 1, 4),
    new Story().publish({ n: 1, delayed: false }, { partition: 0, offset: 3 }).stands('alpha', 1, 3),
  ],
  [
    'water mark moved back',
    'told before it was asked for, or meanwhile',
    published().at(2_100).read(1, 4).describe(4).stands('alpha', 1, 4),
    published()
      .together(
        (story) => story.at(2_100).describe(4),
        (story) => story.read(1, 4),
      )
      .stands('alpha', 1, 4),
  ],
  [
    'torn batch',
    'one of two, or the other was cancelled',
    new Story().publish({ n: 1 }, 'info', 5).publish({ n: 2 }, 'info', 5).stands('alpha', 1, 20),
    new Story().publish({ n: 1 }, 'info', 5).publish({ n: 2 }, 'info', 5).stands('alpha', 1, 20).cancel(2, 'cancelled'),
  ],
  [
    'cancelled but there',
    '',
    published().cancel(1, 'cancelled').stands('alpha', 1),
    published().at(2_100).cancel(1, 'dispatched').stands('alpha', 1),
  ],
  [
    'cancelled but there',
    'seen once, gone at the end',
    published().read(1).cancel(1, 'cancelled'),
    published().cancel(1, 'cancelled').cancel(1, 'cancelled'),
  ],
  [
    'not cancelled and not there',
    '',
    published().at(3_000).cancel(1, 'dispatched'),
    published().at(3_000).cancel(1, 'dispatched').stands('alpha', 1),
  ],
  [
    'not cancelled and not there',
    'at a place that holds something else',
    published(2).at(3_000).lookUp(1, 'dispatched', { partition: 0, offset: 2 }).stands('alpha', 1).stands('alpha', 2),
    published(2).at(3_000).lookUp(1, 'dispatched', { partition: 0, offset: 1 }).stands('alpha', 1).stands('alpha', 2),
  ],
  [
    'answers disagree',
    'pending after it was dispatched, or while it is',
    published().at(2_500).cancel(1, 'dispatched').lookUp(1, 'pending', { dueAtMs: DUE }).stands('alpha', 1),
    published()
      .at(2_500)
      .together(
        (story) => story.cancel(1, 'dispatched'),
        (story) => story.lookUp(1, 'pending', { dueAtMs: DUE }),
      )
      .stands('alpha', 1),
  ],
  [
    'answers disagree',
    'pending after somebody has read it',
    published().at(2_500).read(1).lookUp(1, 'pending', { dueAtMs: DUE }).stands('alpha', 1),
    published().at(2_500).lookUp(1, 'pending', { dueAtMs: DUE }).read(1).stands('alpha', 1),
  ],
  [
    'answers disagree',
    'the due time from before it was moved',
    published().reschedule(1, LATER).lookUp(1, 'pending', { dueAtMs: DUE }).stands('alpha', 1, 1, LATER),
    published().reschedule(1, LATER).lookUp(1, 'pending', { dueAtMs: LATER }).stands('alpha', 1, 1, LATER),
  ],
  [
    'answers disagree',
    'moved by a call that was not answered, and back again',
    published()
      .reschedule(1, LATER, 'info')
      .lookUp(1, 'pending', { dueAtMs: LATER })
      .lookUp(1, 'pending', { dueAtMs: DUE })
      .stands('alpha', 1, 1, LATER),
    published()
      .reschedule(1, LATER, 'info')
      .lookUp(1, 'pending', { dueAtMs: DUE })
      .lookUp(1, 'pending', { dueAtMs: LATER })
      .stands('alpha', 1, 1, LATER),
  ],
  [
    'answers disagree',
    'moved after it was cancelled',
    published().cancel(1, 'cancelled').reschedule(1, LATER),
    published().reschedule(1, LATER).cancel(1, 'cancelled').reschedule(1, LATER, 'cancelled'),
  ],
  [
    'answers disagree',
    'dispatched though not due',
    published().reschedule(1, LATER).at(5_000).lookUp(1, 'dispatched').stands('alpha', 1, 1, LATER),
    published().reschedule(1, LATER).at(9_500).lookUp(1, 'dispatched').stands('alpha', 1, 1, LATER),
  ],
  [
    'answers disagree',
    'dispatched now, and still pending',
    published()
      .at(1_500)
      .one('dispatch', 1, { state: 'dispatched' })
      .lookUp(1, 'pending', { dueAtMs: 1_501 })
      .stands('alpha', 1, 1, 1_501),
    published()
      .at(1_500)
      .together(
        (story) => story.one('dispatch', 1, { state: 'dispatched' }),
        (story) => story.lookUp(1, 'pending', { dueAtMs: 1_501 }),
      )
      .stands('alpha', 1, 1, 1_502),
  ],
  [
    'answers disagree',
    'unknown, or not published yet',
    published().lookUp(1, 'unknown').stands('alpha', 1),
    new Story().publish({ n: 1 }, 'info').lookUp(1, 'unknown'),
  ],
  [
    'answers disagree',
    'listed as due earlier than it can be, by a clock that is behind',
    new Story()
      .clock(-50)
      .publish({ n: 1 }, 'info')
      .list({}, [{ n: 1, dueAtMs: DUE - 100 }]),
    new Story()
      .clock(-100)
      .publish({ n: 1 }, 'info')
      .list({}, [{ n: 1, dueAtMs: DUE - 100 }])
      .stands('alpha', 1, 1, DUE - 100),
  ],
  [
    'answers disagree',
    'a list names what was cancelled',
    published()
      .cancel(1, 'cancelled')
      .list({}, [{ n: 1, dueAtMs: DUE }]),
    published()
      .list({}, [{ n: 1, dueAtMs: DUE }])
      .cancel(1, 'cancelled'),
  ],
  [
    'answers disagree',
    'a list leaves out what waits',
    published().list({}, []).stands('alpha', 1),
    published().list({ fromMs: DUE }, []).list({}, [], true).at(2_100).list({}, []).stands('alpha', 1),
  ],
  [
    'answers disagree',
    'a list leaves out what was moved',
    published().reschedule(1, LATER).list({}, []).stands('alpha', 1, 1, LATER),
    published()
      .reschedule(1, LATER)
      .list({}, [{ n: 1, dueAtMs: LATER }])
      .stands('alpha', 1, 1, LATER),
  ],
  [
    'answers disagree',
    'a list is out of order',
    published(2)
      .reschedule(1, LATER)
      .list({}, [
        { n: 1, dueAtMs: LATER },
        { n: 2, dueAtMs: DUE },
      ])
      .stands('alpha', 2)
      .stands('alpha', 1, 1, LATER),
    published(2)
      .reschedule(1, LATER)
      .list({}, [
        { n: 2, dueAtMs: DUE },
        { n: 1, dueAtMs: LATER },
      ])
      .stands('alpha', 2)
      .stands('alpha', 1, 1, LATER),
  ],
  [
    'pending for ever',
    '',
    published().at(13_000).lookUp(1, 'pending', { dueAtMs: DUE }).stands('alpha', 1),
    published().at(11_000).lookUp(1, 'pending', { dueAtMs: DUE }).stands('alpha', 1),
  ],
  [
    'pending for ever',
    'while there was no server',
    published().down(3_000, 4_000).at(14_000).lookUp(1, 'pending', { dueAtMs: DUE }).stands('alpha', 1),
    published().down(3_000, 9_000).at(14_000).lookUp(1, 'pending', { dueAtMs: DUE }).stands('alpha', 1),
  ],
  [
    'dishonest metrics',
    'too few wait, or are counted as soon as they are published',
    published(1, DUE_LATER).at(4_000).metrics({ publishedDelayed: 1 }).stands('alpha', 1, 1, LATER),
    published(1, DUE_LATER).at(2_000).metrics({ publishedDelayed: 1 }).stands('alpha', 1, 1, LATER),
  ],
  [
    'dishonest metrics',
    'too many wait',
    published(2).cancel(2, 'cancelled').metrics({ pending: 2, publishedDelayed: 2, cancelled: 1 }).stands('alpha', 1),
    published(2).one('cancel', 2, 'info').metrics({ pending: 2, publishedDelayed: 2 }).stands('alpha', 1),
  ],
  [
    'dishonest metrics',
    'published',
    published().metrics({ pending: 1, publishedDelayed: 2 }).stands('alpha', 1),
    published().publish({ n: 2 }, 'info').metrics({ pending: 2, publishedDelayed: 2 }).stands('alpha', 1),
  ],
  [
    'dishonest metrics',
    'what an earlier life counted',
    published().down(1_010, 1_020).metrics({ pending: 1, publishedDelayed: 1 }).stands('alpha', 1),
    published().down(1_010, 1_020).metrics({ pending: 1 }).stands('alpha', 1),
  ],
  [
    'dishonest metrics',
    'cancelled once, counted twice',
    published().cancel(1, 'cancelled').cancel(1, 'cancelled').metrics({ publishedDelayed: 1, cancelled: 2 }),
    published().cancel(1, 'cancelled').cancel(1, 'cancelled').metrics({ publishedDelayed: 1, cancelled: 1 }),
  ],
  [
    'dishonest metrics',
    'dispatched and not counted',
    published().stands('alpha', 1).at(2_100).read(1).at(9_000).metrics({ publishedDelayed: 1 }),
    published().stands('alpha', 1).at(2_100).read(1).at(9_000).metrics({ publishedDelayed: 1, dispatched: 1 }),
  ],
  [
    'dishonest metrics',
    'dispatched and counted twice',
    published().stands('alpha', 1).at(2_100).read(1).at(9_000).metrics({ publishedDelayed: 1, dispatched: 2 }),
    published()
      .publish({ n: 2 }, 'info')
      .stands('alpha', 1)
      .at(2_100)
      .read(1)
      .at(9_000)
      .metrics({ publishedDelayed: 1, dispatched: 2 }),
  ],
  [
    'dishonest metrics',
    'a forecast with too few in a step',
    published(1, DUE_LATER)
      .at(4_000)
      .forecast({ fromMs: 8_000, counts: [0, 0] })
      .stands('alpha', 1, 1, LATER),
    published(1, DUE_LATER)
      .at(4_000)
      .forecast({ fromMs: 8_000, counts: [0, 1] })
      .stands('alpha', 1, 1, LATER),
  ],
  [
    'dishonest metrics',
    'a forecast with too many in a step',
    published()
      .forecast({ fromMs: 1_000, counts: [1, 1] })
      .stands('alpha', 1),
    published()
      .publish({ n: 2 }, 'info')
      .forecast({ fromMs: 1_000, counts: [1, 1] })
      .stands('alpha', 1),
  ],
  [
    'dishonest metrics',
    'a forecast that forgets what falls due later',
    published(1, { notBeforeMs: 1e9, dueAtMs: 1e9 })
      .at(4_000)
      .forecast({ fromMs: 1_000, counts: [0], later: 0 }),
    published(1, { notBeforeMs: 1e9, dueAtMs: 1e9 })
      .at(4_000)
      .forecast({ fromMs: 1_000, counts: [0], later: 1 }),
  ],
  [
    'success after a failed sync',
    'asked for after it, or before',
    new Story().at(1_100).publish({ n: 1 }, { dueAtMs: DUE }).at(1_099).note('sync failed').stands('alpha', 1),
    new Story()
      .together(
        (story) => story.publish({ n: 1 }, { dueAtMs: DUE }),
        (story) => story.note('sync failed'),
      )
      .stands('alpha', 1),
  ],
  ['reading changes state', '', new Story().lookedAtAll('a', 'b'), new Story().lookedAtAll('a', 'a')],
]

for (const [anomaly, what, bad, good] of CASES) {
  t.test(`${anomaly}${what && `: ${what}`}`, async (t) => {
    const found = (story: Story) => story.messageViolations().map(({ anomaly, what }) => `${anomaly}: ${what}`)
    const inBad = found(bad)
    t.ok(
      inBad.some((one) => one.startsWith(`${anomaly}:`)),
      `found ${inBad.join('; ') || 'nothing'}`,
    )
    t.same(found(good), [], 'and nothing in the good one')
  })
}

t.test('the checker shares no code with what it judges', async (t) => {
  for (const name of readdirSync(import.meta.dirname)) {
    const text = readFileSync(join(import.meta.dirname, name), 'utf8')
    const imported = [...text.matchAll(/^(?:import|}).* from '(.*)'$/gm)].map(([, from]) => from)
    const foreign = imported.filter((from) => !/^(\.\/[^/]+|node:\w+|tap)$/.test(from))
    t.same(foreign, [], name)
  }
})

t.test('there is a case of every anomaly', async (t) => {
  t.same([...new Set(CASES.map(([anomaly]) => anomaly))].sort(), Object.keys(ANOMALIES).sort())
})
