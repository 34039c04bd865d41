import t from 'tap'
import { formatDuration, parseDuration } from '../../service/duration.ts'

const READ: [given: number | string, ms: number][] = [
  [0, 0],
  [250, 250],
  [0.2, 1],
  ['250ms', 250],
  ['0s', 0],
  ['5s', 5_000],
  ['1.5s', 1_500],
  ['1.1s', 1_100],
  ['0.3ms', 1],
  ['1h30m', 5_400_000],
  ['90m', 5_400_000],
  ['30d', 2_592_000_000],
  ['1d1h1m1s1ms', 90_061_001],
  ['PT5M', 300_000],
  ['PT1H30M', 5_400_000],
  ['P1D', 86_400_000],
  ['P1W', 604_800_000],
  ['P1DT0.5S', 86_400_500],
  ['PT0S', 0],
]
const REFUSED: (number | string)[] = [
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  '',
  ' ',
  '5',
  '-5s',
  '+5s',
  '5 s',
  '5S',
  's',
  '5s ',
  '5x',
  'soon',
  '1,5s',
  '.5s',
  '5.s',
  'P',
  'PT',
  'P1',
  'P1Y',
  'P1M',
  'PT5',
  'P1DT',
  '-PT5M',
  '1e3s',
  '٥s',
  `${'9'.repeat(60)}d`,
  `${'1s'.repeat(50)}`,
]

t.test('durations as people write them', async (t) => {
  for (const [given, ms] of READ) t.equal(parseDuration(given, 'delay'), ms, String(given))
})

t.test('what is none is refused with the accepted forms', async (t) => {
  const expected = { code: 'INVALID_DURATION', fields: { field: 'delay' }, message: /250ms.*PT5M/ }
  for (const given of REFUSED) t.throws(() => parseDuration(given, 'delay'), expected, String(given))
})

t.test('the text of a duration is read as the same duration', async (t) => {
  t.equal(formatDuration(0), '0s')
  t.equal(formatDuration(5_400_000), '1h30m')
  t.equal(formatDuration(366 * 86_400_000), '366d')
  for (const [, ms] of READ) t.equal(parseDuration(formatDuration(ms), 'delay'), ms, formatDuration(ms))
})
