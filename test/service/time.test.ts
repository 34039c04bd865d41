import t from 'tap'
import { formatTime, parseTime } from '../../service/time.ts'

const NOON = Date.UTC(2026, 10, 20, 12)
const READ: [given: number | string, ms: number][] = [
  [0, 0],
  [NOON, NOON],
  [NOON + 0.25, NOON + 1],
  [String(NOON), NOON],
  ['2026-11-20T12:00:00Z', NOON],
  ['2026-11-20t12:00:00z', NOON],
  ['2026-11-20 12:00:00Z', NOON],
  ['2026-11-20T13:30:00+01:30', NOON],
  ['2026-11-20T12:00:00.5Z', NOON + 500],
  ['2026-11-20T12:00:00.123456789Z', NOON + 124],
  ['2026-11-20T12:00:00.123000Z', NOON + 123],
  ['2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
  ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
  ['2016-12-31T23:59:60.5Z', Date.UTC(2017, 0, 1) + 500],
  ['2017-01-01T05:29:60+05:30', Date.UTC(2017, 0, 1)],
  [1e9 - 1, 1e9 - 1],
  [1e10, 1e10],
  ['1970-01-21T18:36:40Z', 1_795_000_000],
]
const REFUSED: (number | string)[] = [
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  1e300,
  '',
  'now',
  'tomorrow',
  '2026-11-20',
  '2026-11-20T12:00:00',
  '2026-11-20T12:00Z',
  '2026-02-30T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-11-20T24:00:00Z',
  '2026-11-20T12:60:00Z',
  '2016-12-31T22:59:60Z',
  '2016-12-30T23:59:60Z',
  '2016-12-31T23:59:61Z',
  '2016-12-31T23:59:60+01:00',
  '2026-11-20T12:00:00+25:00',
  '12026-11-20T12:00:00Z',
  '-000001-11-20T12:00:00Z',
  '9'.repeat(16),
]

t.test('times as people write them; parts of a millisecond are never early', async (t) => {
  for (const [given, ms] of READ) t.equal(parseTime(given, 'deliverAt'), ms, String(given))
})

t.test('what is none is refused with the accepted forms', async (t) => {
  const expected = { code: 'INVALID_TIME', fields: { field: 'deliverAt' }, message: /RFC 3339.*epoch/ }
  for (const given of REFUSED) t.throws(() => parseTime(given, 'deliverAt'), expected, String(given))
})

t.test('times go out in UTC with milliseconds', async (t) => {
  t.equal(formatTime(NOON), '2026-11-20T12:00:00.000Z')
  t.equal(formatTime(NOON + 1), '2026-11-20T12:00:00.001Z')
  t.equal(formatTime(NOON + 1), '2026-11-20T12:00:00.001Z', 'also when it is the last one again')
})

t.test('a number of epoch seconds is none: its message would be due in 1970, which is at once', async (t) => {
  for (const given of [1_795_000_000, '1795000000', 1e9, 1e10 - 1]) {
    const expected = { code: 'INVALID_TIME', message: /in epoch seconds.*here \d{9,10}000\.$/ }
    t.throws(() => parseTime(given, 'deliverAt'), expected, String(given))
  }
})
