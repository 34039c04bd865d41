import t from 'tap'
import { requestIds } from '../../../service/http/request-ids.ts'
import { startService } from '../running-service.ts'

t.test('a request has the id that its client gives, or one of ours that no other has', async (t) => {
  const idOf = requestIds(1_795_514_400_123)
  t.equal(idOf({ headers: { 'x-request-id': 'order-17/retry:2' } }), 'order-17/retry:2')
  const given = ['', 'a b', 'a\nb', 'a"b', 'x'.repeat(129), undefined, ['a', 'b']]
  const ours = given.map((id) => idOf({ headers: { 'x-request-id': id as string } }))
  t.equal(new Set(ours).size, given.length)
  for (const id of ours) t.match(id, /^[a-z0-9]+-[a-z0-9]+$/)
})

t.test('an answer that says what is wrong names the request', async (t) => {
  const { call } = await startService(t)
  const { headers } = await call('GET', '/v1/topics/nowhere', undefined, { 'x-request-id': 'mine' })
  t.equal(headers['x-request-id'], 'mine')
  t.match((await call('GET', '/nowhere')).headers['x-request-id'], /^[a-z0-9]+-[a-z0-9]+$/)
})
