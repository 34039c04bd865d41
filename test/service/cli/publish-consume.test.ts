// `dwell publish` and `dwell consume` against a real service.

import { join } from 'node:path'
import t from 'tap'
import { dwell } from '../../support/dwell-command.ts'
import { DwellProcess } from '../../support/dwell-process.ts'

t.setTimeout(110_000)

const directory = t.testdir()
const server = await DwellProcess.start({ dataDirectory: join(directory, 'data'), logPath: join(directory, 'log') })
t.teardown(() => server.kill())
const environment = { DWELL_URL: `http://127.0.0.1:${server.port}` }
const call = (args: readonly string[], input?: string | Uint8Array) => dwell(args, { environment, input })

t.test('what is published by arguments, standard input and lines is consumed as it was', async (t) => {
  const first = await call(['publish', 'orders', '{"order": 17}', 'plain text', '--key', 'customer-4'])
  t.match(first, {
    code: 0,
    error: '',
    out: /^Published: partition (\d+), offset 0\nPublished: partition \1, offset 1\n$/,
  })
  t.match(await call(['publish', 'orders'], 'from a pipe\n'), { code: 0, out: /^Published:/ })
  t.match(await call(['publish', 'orders'], new Uint8Array([0xff, 0xfe])), { code: 0 })
  t.match(await call(['publish', 'orders', '', '--delay', '1h']), { code: 0 }, 'an empty value that is meant')
  t.match(await call(['publish', 'orders', '--lines'], 'one\ntwo\n'), { code: 0, out: 'Published 2 messages.\n' })
  const delayed = await call(['publish', 'orders', 'later', '--delay', '1h', '--id', 'later-1'])
  t.match(delayed, { code: 0, out: /^Delayed: later-1 is due at 20/ })
  const again = await call(['publish', 'orders', 'later', '--delay', '1h', '--id', 'later-1', '--json'])
  t.match(JSON.parse(again.out), { results: [{ id: 'later-1', duplicate: true }] })
  const all = await call(['consume', 'orders', 'g', '--until-empty', '--wait', '300ms', '--json'])
  t.equal(all.code, 0)
  const values = all.out.trim().split('\n').map((line) => JSON.parse(line)) // biome-ignore format: short
  t.same(new Set(values.map(({ value, valueBase64 }) => JSON.stringify(value ?? valueBase64))), new Set(['{"order":17}', '"plain text"', '"from a pipe"', '"//4="', '"one"', '"two"'])) // biome-ignore format: short
  t.match(await call(['consume', 'orders', 'g', '--until-empty', '--wait', '300ms']), { code: 0, out: '' }, 'accepted')
})

t.test('a file with one message a line: what is wrong is named by its line, the rest is published', async (t) => {
  const lines = [
    '{"value": 1}',
    '{"value": 2, "delay": "1h"}',
    'nonsense',
    '',
    '{"value": 3, "delay": "soon"}',
    '{"value": 4}',
  ]
  const bad = await call(['publish', 'files', '--file', '-', '--id-prefix', 'load'], lines.join('\n'))
  t.equal(bad.code, 1)
  t.match(bad.error, /^Line 3: This is no JSON/m)
  t.match(bad.error, /^Line 5: delay is "soon", not a duration/m)
  t.equal(bad.out, 'Published 3 messages.\n')
  const again = await call(['publish', 'files', '--file', '-', '--id-prefix', 'load'], lines.join('\n'))
  t.equal(again.out, 'Published 3 messages, of which 3 were known already.\n', 'it may be repeated')
})

t.test('consume --exec: 0 accepts, 75 releases, any other rejects, with what the command said', async (t) => {
  await server.client.call('PUT', '/v1/topics/work', { body: { partitions: 1 } })
  await server.client.call('PUT', '/v1/topics/work/groups/g', { body: { retry: ['100ms'] } })
  await call(['publish', 'work', 'good', 'busy', 'bad', '--header', 'x-Kind=a b', '--key', 'k'])
  const script = `read -r value
case "$value" in
  good) [ "$MESSAGE_TOPIC/$MESSAGE_GROUP/$MESSAGE_OFFSET/$MESSAGE_KEY/$MESSAGE_HEADER_X_KIND" = "work/g/0/k/a b" ] ;;
  busy) echo "try $MESSAGE_DELIVERY_COUNT" >&2; exit 75 ;;
  *) echo 'no such customer' >&2; exit 1 ;;
esac`
  const { code, out } = await call(['consume', 'work', 'g', '--exec', script, '--until-empty', '--wait', '1s'])
  t.equal(code, 0)
  t.same(out.split('\n').sort(), ['', '0/0  accept', '0/1  release: exit status 75: try 1', '0/1  release: exit status 75: try 2', '0/2  reject: exit status 1: no such customer']) // biome-ignore format: short
  const dead = (await server.client.call('GET', '/v1/topics/work/groups/g/dead-letters')).json as { records: { reason: string }[] } // biome-ignore format: short
  t.same(dead.records.map(({ reason }) => reason).sort(), ['exit status 1: no such customer', 'exit status 75: try 2'])
})

t.test('consume --exec: a command that cannot be run rejects nothing', async (t) => {
  await server.client.call('PUT', '/v1/topics/typo', { body: { partitions: 1 } })
  await call(['publish', 'typo', 'one', 'two', 'three', 'four'])
  const { code, out, error } = await call(['consume', 'typo', 'g', '--exec', 'proces-order', '--concurrency', '2'])
  t.equal(code, 2)
  t.match(error, /^The command cannot be run \(exit status 127: .*proces-order.*\): what was in hand is released/m)
  t.notMatch(out, /reject|accept/)
  const all = await call(['consume', 'typo', 'g', '--until-empty', '--wait', '300ms', '--values'])
  t.same(all.out.trim().split('\n').sort(), ['four', 'one', 'three', 'two'])
})

t.test('an interrupted consume finishes what is in hand, and nothing is lost', async (t) => {
  await call(['publish', 'slow', 'one'])
  const exec = 'echo began; sleep 0.5; echo ended'
  const ended = await dwell(['consume', 'slow', 'g', '--exec', exec], {
    environment,
    onOutput: (out, child) => out === 'began\n' && child.kill('SIGINT'),
  })
  t.match(ended, { code: 0, out: /^began\nended\n0?\d*\/0 {2}accept\n$/ })
})

t.test('what goes wrong is a sentence, and an exit code', async (t) => {
  const rows: [args: string[], code: number, error: RegExp][] = [
    [['publish', 'a/b', 'x'], 1, /^A topic is named by 1 to 100 of/],
    [['publish', 'orders', 'x', '--delay', 'soon'], 1, /^delay is "soon", not a duration/],
    [
      ['publish', 'orders', 'x', '--url', 'http://127.0.0.1:1'],
      3,
      /^The service at http:\/\/127.0.0.1:1 cannot be reached: .*\nIs it running/,
    ],
    [
      ['publish', 'orders', 'x', '--url', `https://127.0.0.1:${server.port}`],
      3,
      /^What answers at https:\S+ speaks no TLS: it may be http:\/\/127.0.0.1:\d+\.\n$/,
    ],
    [['publish', 'orders', 'x', '--url', 'nonsense'], 2, /is no address of a service/],
    [['publish', 'orders', 'x', '--context', 'nope'], 2, /^There is no context "nope"/],
    [['publish', 'orders', 'x', '--header', 'nope'], 2, /It must be name=value/],
    [['publish', 'orders'], 2, /^Standard input is empty/],
    [['publish'], 2, /missing required argument 'topic'/],
    [['consume', 'nothing-here', 'g', '--until-empty'], 1, /^There is no topic nothing-here\.\n$/],
    [['consume', 'nothing-here', 'g', '--max', 'many'], 2, /It must be a whole number/],
  ]
  for (const [args, code, error] of rows) t.match(await call(args), { code, error, out: '' }, args.join(' '))
  const json = await call(['publish', 'a/b', 'x', '--json'])
  t.match(JSON.parse(json.error), { error: { code: 'INVALID_NAME', status: 400 } })
})
