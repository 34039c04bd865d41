import t from 'tap'
import { Allowances } from '../../../service/access/allowances.ts'
import { Tokens } from '../../../service/access/tokens.ts'
import { defaultSettings } from '../../../service/config.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { holder } from '../../support/token-holders.ts'

t.test('what a token has spent outlives a change of the file; other limits begin anew', async (t) => {
  const allowances = new Allowances(new ManualClock(), defaultSettings())
  const shop = holder('shop', ['publish'], ['*'], { requestsPerSecond: 1 })
  const allowanceIn = (row: typeof shop.row) => {
    const allowance = new Tokens([row], allowances).callerOf(shop.token)?.allowance
    if (allowance === undefined) throw new Error('the token is not known')
    return allowance
  }
  allowanceIn(shop.row).admitRequest()
  t.throws(() => allowanceIn(shop.row).admitRequest(), { code: 'TOO_MANY_REQUESTS' })
  allowanceIn({ ...shop.row, rights: ['admin'] })
  t.throws(() => allowanceIn(shop.row).admitRequest(), { code: 'TOO_MANY_REQUESTS' })
  t.doesNotThrow(() => allowanceIn({ ...shop.row, limits: { requestsPerSecond: 2 } }).admitRequest())
})

t.test('names that others make up do not fill the memory, and who holds something is not forgotten', async (t) => {
  const allowances = new Allowances(new ManualClock(), { ...defaultSettings(), TOKEN_CONNECTIONS_MAX: 1 })
  const busy = allowances.of('busy')
  const idle = allowances.of('idle')
  busy.takeConnection()
  for (let i = 0; i < 20_000; i++) allowances.of(`jwt:${i}`)
  t.equal(allowances.of('busy'), busy)
  t.not(allowances.of('idle'), idle)
})
