import t from 'tap'
import {
  defaultOf,
  defaultSettings,
  environmentName,
  flagName,
  rangeOf,
  readSettings,
  settingsTable,
} from '../../service/config.ts'
import { SETTINGS, type SettingRow } from '../../service/settings.ts'
import { formatSize, parseSize } from '../../service/size.ts'

const ROWS = Object.entries<SettingRow>(SETTINGS)

t.test('names that are fixed', async (t) => {
  const fixed = {
    HOST: '127.0.0.1',
    PORT: 7200,
    DATA_DIR: './data',
    LOG_LEVEL: 'info',
    AUTO_CREATE_TOPICS: true,
    DEFAULT_PARTITIONS: 4,
    WHEEL_SLOTS: 7200,
    DELAY_MAX: 366 * 86_400_000,
    DEDUPLICATION_WINDOW: 600_000,
    MESSAGE_BYTES_MAX: 1024 ** 2,
    REQUEST_BYTES_MAX: 16 * 1024 ** 2,
  }
  t.match(readSettings({}, {}), fixed)
  for (const name of ['WHEEL_MEMORY_BYTES', 'CHECKPOINT_INTERVAL', 'SEGMENT_BYTES'])
    t.ok(Object.hasOwn(SETTINGS, name), name)
  t.equal(environmentName('DATA_DIR'), 'DWELL_DATA_DIR')
  t.equal(flagName('DATA_DIR'), '--data-dir')
})

t.test('a flag stands above the environment, the environment above the default', async (t) => {
  t.equal(readSettings({ DWELL_PORT: '1', HOME: '/root' }, {}).PORT, 1)
  t.equal(readSettings({ DWELL_PORT: '1' }, { PORT: '2' }).PORT, 2)
})

t.test('values as people write them', async (t) => {
  const { SEGMENT_BYTES, CHECKPOINT_INTERVAL, AUTO_CREATE_TOPICS, GROUP_RETRY } = readSettings(
    {
      DWELL_SEGMENT_BYTES: '1.5MiB',
      DWELL_CHECKPOINT_INTERVAL: '1m30s',
      DWELL_AUTO_CREATE_TOPICS: 'false',
      DWELL_GROUP_RETRY: '1s, 1m',
    },
    {},
  )
  t.strictSame(
    [SEGMENT_BYTES, CHECKPOINT_INTERVAL, AUTO_CREATE_TOPICS, GROUP_RETRY],
    [1_572_864, 90_000, false, [1_000, 60_000]],
  )
  t.strictSame(readSettings({ DWELL_GROUP_RETRY: '' }, {}).GROUP_RETRY, [])
  t.equal(readSettings({ DWELL_SEGMENT_BYTES: '65536' }, {}).SEGMENT_BYTES, 65_536)
  t.equal(readSettings({ DWELL_CHECKPOINT_INTERVAL: '5000' }, {}).CHECKPOINT_INTERVAL, 5_000)
})

t.test('a wrong value is refused by name, with what is right', async (t) => {
  const wrong: [variable: string, value: string, says: RegExp][] = [
    ['DWELL_PORT', 'abc', /DWELL_PORT is "abc".*from 0 to 65535/],
    ['DWELL_PORT', '65536', /DWELL_PORT/],
    ['DWELL_PORT', '-1', /DWELL_PORT/],
    ['DWELL_PORT', '80.5', /DWELL_PORT/],
    ['DWELL_PORT', 'tcp://10.0.0.1:7200', /DWELL_PORT/],
    ['DWELL_PORT', '', /DWELL_PORT/],
    ['DWELL_HOST', '', /DWELL_HOST.*not empty/],
    ['DWELL_LOG_LEVEL', 'loud', /one of debug, info/],
    ['DWELL_AUTO_CREATE_TOPICS', 'yes', /true or false/],
    ['DWELL_SEGMENT_BYTES', '1 banana', /DWELL_SEGMENT_BYTES.*16KiB/],
    ['DWELL_SEGMENT_BYTES', '1KiB', /DWELL_SEGMENT_BYTES/],
    ['DWELL_DELAY_MAX', 'soon', /DWELL_DELAY_MAX.*duration/],
    ['DWELL_CHECKPOINT_INTERVAL', '0s', /DWELL_CHECKPOINT_INTERVAL/],
    ['DWELL_DELAY_MAX', '5', /a duration from 1s to .*, written as 250ms, 5s, .* or a number of milliseconds\.$/],
    ['DWELL_MESSAGE_BYTES_MAX', '1MB', /a size from 1 to 16MiB, written as 64KiB, .* or a number of bytes\.$/],
    ['DWELL_GROUP_RETRY', '5s,,x', /^DWELL_GROUP_RETRY is "5s,,x"; it must be up to 20 durations .* written as/],
    ['DWELL_GROUP_RETRY', Array(30).fill('1s').join(), /at most 20/],
  ]
  for (const [variable, value, says] of wrong) {
    t.throws(
      () => readSettings({ [variable]: value }, {}),
      { code: 'INVALID_SETTING', message: says },
      `${variable}=${value}`,
    )
  }
  t.throws(
    () => readSettings({}, { PORT: 'x' }),
    { code: 'INVALID_SETTING', message: /^--port is "x"/ },
    'a flag by its own name',
  )
})

t.test('a DWELL_ name that does not exist is refused by name', async (t) => {
  t.throws(() => readSettings({ DWELL_PROT: '1' }, {}), { code: 'UNKNOWN_SETTING', message: /DWELL_PROT/ })
  t.throws(() => readSettings({ DWELL_toString: '1' }, {}), { code: 'UNKNOWN_SETTING' })
})

t.test('every row can say its default and its range, and the default is in it', async (t) => {
  for (const [name, row] of ROWS) {
    t.match(row.sentence, /^[A-Z].*\.$/, `${name} has a sentence`)
    t.ok(rangeOf(row).length > 0)
    t.strictSame(
      readSettings({ [environmentName(name)]: defaultOf(row) }, {}),
      defaultSettings(),
      `the default of ${name} is read back`,
    )
  }
  t.equal(settingsTable().trim().split('\n').length, ROWS.length + 2)
})

t.test('sizes', async (t) => {
  t.strictSame(['1', '1KiB', '2 MiB', '0.5GiB', '10B'].map(parseSize), [1, 1024, 2 * 1024 ** 2, 512 * 1024 ** 2, 10])
  for (const text of ['', 'x', '1KB', '-1', '1.5', '1e3', '1 KiB B']) t.ok(Number.isNaN(parseSize(text)), text)
  t.strictSame([0, 1, 1024, 1536, 1024 ** 3].map(formatSize), ['0', '1', '1KiB', '1536', '1GiB'])
})

t.test(
  'a journal file that is too small for the largest message is refused, in a sentence that names both settings',
  async (t) => {
    const small = { DWELL_JOURNAL_FILE_BYTES: '1MiB' }
    t.throws(() => readSettings(small, {}), {
      code: 'INVALID_SETTING',
      message: 'DWELL_JOURNAL_FILE_BYTES is 1MiB; for DWELL_MESSAGE_BYTES_MAX of 1MiB it must be at least 2560KiB.',
    })
    t.equal(readSettings({ ...small, DWELL_MESSAGE_BYTES_MAX: '256KiB' }, {}).JOURNAL_FILE_BYTES, 1024 ** 2)
  },
)
