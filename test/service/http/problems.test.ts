import Fastify from 'fastify'
import t from 'tap'
import { Problems } from '../../../service/http/problems.ts'
import { DwellError, SILENT } from '../../../storage/index.ts'

function server(error: unknown) {
  const logged: unknown[] = []
  const codes: string[] = []
  const log = {
    ...SILENT,
    error: (...line: unknown[]) => logged.push(line),
    warn: (...line: unknown[]) => logged.push(line),
  }
  const problems = new Problems({ log, requestBytesMax: 1, onProblem: (code) => codes.push(code) })
  const app = Fastify()
  app.setErrorHandler((error, request, reply) => problems.send(error, request, reply))
  app.get('/', async () => {
    throw error
  })
  return { app, logged, codes }
}

t.test('what is our own fault is told to the log, not to the client', async (t) => {
  const { app, logged, codes } = server(new Error('secret: hunter2'))
  const answer = await app.inject('/')
  t.match(answer, { statusCode: 500, headers: { 'content-type': /problem\+json/ } })
  t.match(answer.json(), { code: 'INTERNAL', status: 500 })
  t.notMatch(answer.body, /hunter2/)
  t.match(JSON.stringify(logged), /hunter2/)
  t.strictSame(codes, ['INTERNAL'])
})

t.test('what may succeed later says when to try again', async (t) => {
  const { app } = server(new DwellError('OVERLOADED', 'Too much.', { limit: 5, retryAfterSeconds: 7 }))
  const answer = await app.inject('/')
  t.match(answer, { statusCode: 503, headers: { 'retry-after': '7' } })
  t.strictSame(answer.json(), {
    type: '/docs/errors/OVERLOADED',
    title: 'Too much is waiting',
    status: 503,
    code: 'OVERLOADED',
    detail: 'Too much.',
    limit: 5,
  })
})

t.test('what is wrong with a request is found in the log by the id that its answer has', async (t) => {
  const { app, logged } = server(new Error('broken'))
  const { headers } = await app.inject('/')
  t.match(logged, [[{ requestId: headers['x-request-id'] }]])
})
