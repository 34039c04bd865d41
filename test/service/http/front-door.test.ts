// The front door by itself.

import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import { Allowances } from '../../../service/access/allowances.ts'
import type { Authenticator } from '../../../service/access/authenticator.ts'
import { Caller } from '../../../service/access/caller.ts'
import { RIGHTS, TopicScope } from '../../../service/access/rights.ts'
import { needsSome } from '../../../service/access/route-access.ts'
import { defaultSettings } from '../../../service/config.ts'
import { addFrontDoor } from '../../../service/http/front-door.ts'
import { ServedHosts } from '../../../service/http/served-hosts.ts'
import { ManualClock } from '../../support/manual-clock.ts'

// Its connection counted until the service was restarted, and an acquire took records for nobody.
t.test('who hangs up while his web token is looked at is not let in, and holds no connection for ever', async (t) => {
  const allowance = new Allowances(new ManualClock(), { ...defaultSettings(), TOKEN_CONNECTIONS_MAX: 1 }).of('jwt:ada')
  const caller = new Caller('jwt:ada', RIGHTS, new TopicScope(['*']), allowance)
  const asked = Promise.withResolvers<void>()
  const found = Promise.withResolvers<Caller>()
  const callerOf = () => {
    asked.resolve()
    return found.promise
  }
  const authenticator = { callerOf } as unknown as Authenticator
  const app = Fastify()
  addFrontDoor(app, { access: { authenticator }, hosts: new ServedHosts('', true) })
  let handled = 0
  app.get('/', { config: { access: needsSome('publish') } }, async () => ++handled)
  t.teardown(() => app.close())
  const connected = once(app.server, 'connection') as Promise<[Socket]>
  await app.listen({ host: '127.0.0.1', port: 0 })
  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a.b.c\r\n\r\n')
  const [socket] = await connected
  await asked.promise
  client.destroy()
  await once(socket, 'close')
  found.resolve(caller)
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  t.ok(allowance.isIdle)
  t.equal(handled, 0)
})
