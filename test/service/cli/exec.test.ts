// What `dwell consume --exec` gives to a command, and how a command is ended.

import t from 'tap'
import { execute, variablesOf } from '../../../service/cli/remote/exec.ts'
import type { AcquiredRecord } from '../../../service/client/index.ts'

const record = (more: Partial<AcquiredRecord> = {}): AcquiredRecord => ({
  receipt: 'r',
  topic: 'orders',
  partition: 1,
  offset: 17,
  key: 'ada',
  value: { order: 17 },
  headers: {},
  timestamp: '2026-11-20T10:00:00.000Z',
  deliveryCount: 2,
  lockedUntil: '',
  ...more,
})
const options = { group: 'g', environment: process.env, after: (ms: number, task: () => void) => {
  const timer = setTimeout(task, ms)
  return () => clearTimeout(timer)
} } // biome-ignore format: short
let cannot = ''
const cannotRun = (why: string) => (cannot = why)
const run = (command: string, more: Partial<AcquiredRecord> = {}, signal = new AbortController().signal) => {
  return execute(record(more), signal, { ...options, command, cannotRun })
}

t.test('no header sets a variable that is not its own', async (t) => {
  const headers = { PATH: '/evil', 'LD_PRELOAD=x': 'evil', 'a-b c': 'one', 'a_b_c': 'two', nul: 'a\0b', 'ünï': 'x' } // biome-ignore format: short
  const variables = variablesOf(record({ headers, id: 'id-1', attempts: [{ at: '', cause: '', reason: 'bank offline' }] }), 'g') // biome-ignore format: short
  t.same(variables, {
    MESSAGE_TOPIC: 'orders',
    MESSAGE_GROUP: 'g',
    MESSAGE_PARTITION: '1',
    MESSAGE_OFFSET: '17',
    MESSAGE_KEY: 'ada',
    MESSAGE_ID: 'id-1',
    MESSAGE_TIMESTAMP: '2026-11-20T10:00:00.000Z',
    MESSAGE_DELIVERY_COUNT: '2',
    MESSAGE_LAST_REASON: 'bank offline',
    MESSAGE_HEADER_PATH: '/evil',
    MESSAGE_HEADER_LD_PRELOAD_X: 'evil',
    MESSAGE_HEADER_A_B_C: 'one',
    MESSAGE_HEADER__N_: 'x',
  })
  const much = variablesOf(record({ headers: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`h${i}`, 'x'.repeat(1_000)])) }), 'g') // biome-ignore format: short
  t.ok(Object.values(much).join('').length < 64 * 1024, 'no more than a system takes')
})

t.test('the value is its standard input, and its exit status the outcome', async (t) => {
  t.same(await run(`[ "$(cat)" = '{"order":17}' ]`), { type: 'accept' })
  t.same(await run(`[ "$(cat)" = 'plain' ]`, { value: 'plain' }), { type: 'accept' })
  t.same(await run(`cat | od -An -tx1 | grep -q 'ff 00'`, { value: undefined, valueBase64: '/wA=' }), {
    type: 'accept',
  })
  t.same(await run('exit 75'), { type: 'release', reason: 'exit status 75' })
  t.same(await run('exit 1'), { type: 'reject', reason: 'exit status 1' })
  t.match(await run('kill -9 $$'), { type: 'release', reason: /^killed by SIGKILL/ })
  t.equal(cannot, '')
  t.match(await run('nothing-of-this-name'), { type: 'release', delay: 0, reason: /^exit status 127: .*not found/ })
  t.match(cannot, /^exit status 127/)
  t.match(await run('/dev/null'), { type: 'release', delay: 0 })
  t.match(cannot, /^exit status 126/)
  t.same(await run('exec <&-; exit 0', { value: 'x'.repeat(1_000_000) }), { type: 'accept' }, 'it need not read')
})

t.test('a command that has to end is ended, with all that it started', async (t) => {
  const abort = new AbortController()
  const ended = run('sleep 60 & sleep 60', {}, abort.signal)
  setImmediate(() => abort.abort())
  t.match(await ended, { type: 'release', reason: 'killed by SIGTERM' })
  t.match(await run('sleep 60', {}, AbortSignal.abort()), { type: 'release' })
})
