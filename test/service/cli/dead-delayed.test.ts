// `dwell dead-letters`, `delayed` and `explain`: what they show, and that nothing is purged without --yes.

import t from 'tap'
import { commandRig } from './command-rig.ts'

t.setTimeout(110_000)

const { call, json, publish } = await commandRig(t)

t.test('a failing command walks through the tiers, to the dead letters and back', async (t) => {
  await publish('payments', [
    { value: { payment: 1 }, key: 'ada', id: 'pay-1' },
    { value: { payment: 2 }, key: 'ben' },
  ])
  await call('groups', 'put', 'payments', 'bank', '--retry', '200ms,400ms')
  const exec = `echo "bank offline, try $MESSAGE_DELIVERY_COUNT" >&2; exit 75`
  const failing = await call('consume', 'payments', 'bank', '--exec', exec, '--until-empty', '--wait', '1s')
  const tries = failing.out.match(/try \d/g)?.sort()
  t.same(tries, ['try 1', 'try 1', 'try 2', 'try 2', 'try 3', 'try 3'])
  t.match((await call('dead-letters', 'list', 'payments', 'bank')).out, /^20\S+Z {2}\d\/\d {2}3 deliveries {2}"exit status 75: bank offline, try 3" {2}(ada|ben) {2}\{"payment":\d\}$/m) // biome-ignore format: short
  t.match((await call('dead-letters', 'reasons', 'payments', 'bank')).out, /^ +2 {2}DELIVERY_COUNT_EXCEEDED .* exit status 75: bank offline, try 3$/m) // biome-ignore format: short
  t.match((await call('explain', 'payments', 'pay-1', '--group', 'bank')).out, /^dead: [\s\S]* released: exit status 75: bank offline, try 1\n/m) // biome-ignore format: short
  t.equal((await call('dead-letters', 'redrive', 'payments', 'bank', '--key', 'ada', '--dry-run')).out, '1 dead letter would go back.\n') // biome-ignore format: short
  t.match(await call('dead-letters', 'redrive', 'payments', 'bank', '--key', 'ada'), { code: 0, out: /^The task \S+ is done: 1 of 1 moved\.\n$/ }) // biome-ignore format: short
  t.match(await call('consume', 'payments', 'bank', '--max', '1'), { code: 0, out: /ada {2}\{"payment":1\}\n$/ })
  t.match(await call('dead-letters', 'purge', 'payments', 'bank'), {
    code: 0,
    out: /would concern 1 dead letter of bank/,
  })
  t.match(await call('dead-letters', 'purge', 'payments', 'bank', '--yes'), { code: 0, out: 'Purged 1 dead letter of bank of payments.\n' }) // biome-ignore format: short
  t.match(await json('dead-letters', 'redrives'), { redrives: [{ state: 'done', moved: 1 }] })
})

t.test('delayed messages', async (t) => {
  await publish('reminders', [{ value: 'Ada', delay: '1h', id: 'ada' }, { value: 'Ben', delay: '2h', id: 'ben' }, { value: '\u001b[2J', delay: '3h', id: 'clear' }]) // biome-ignore format: short
  t.match((await call('delayed', 'list', 'reminders')).out, /^20\S+Z {2}ada {2}- {2}Ada\n20\S+Z {2}ben {2}- {2}Ben\n20\S+Z {2}clear {2}- {2}\\u001b\[2J\n$/) // biome-ignore format: short
  t.match(await call('delayed', 'get', 'reminders', 'ada'), { code: 0, out: /^ada is pending, due at 20/ })
  t.match(await call('delayed', 'reschedule', 'reminders', 'ada', '--delay', '3d'), { code: 0 })
  t.match((await call('delayed', 'list', 'reminders', '--limit', '1')).out, /ben/)
  t.match(await call('delayed', 'dispatch', 'reminders', 'ben'), { code: 0, out: /^ben is dispatched/ })
  t.match(await call('delayed', 'cancel', 'reminders', 'ben'), { code: 1, error: /dispatched/ })
  t.match(await call('delayed', 'cancel', 'reminders', 'ada'), { code: 0, out: 'ada is cancelled.\n' })
  t.match(await call('delayed', 'reschedule', 'reminders', 'ada'), { code: 2, error: /one of --delay and --at/ })
})
