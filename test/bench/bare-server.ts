// What fastify alone can do: a route that takes the same body through the same kind of schema and answers the same kind
// of result, and does nothing else. In a process of its own; prints its port.

import fastify from 'fastify'
import { Type } from 'typebox'

const Message = Type.Object(
  {
    value: Type.Unknown(),
    key: Type.Optional(Type.String()),
    headers: Type.Optional(Type.Record(Type.String(), Type.String())),
    delay: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
    deliverAt: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
    partition: Type.Optional(Type.Integer()),
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  },
  { additionalProperties: false },
)
const Result = Type.Object({
  results: Type.Array(
    Type.Object({ id: Type.String(), topic: Type.String(), dueAt: Type.String(), dueAtMs: Type.Integer() }),
  ),
})

const app = fastify({ logger: false })
app.post('/v1/topics/:topic/messages', { schema: { body: Message, response: { 201: Result } } }, (request, reply) => {
  const { topic } = request.params as { topic: string }
  const dueAtMs = Date.now() + 3_600_000
  const id = '0123456789ABCDEFGHJKMNPQRS'
  return reply.code(201).send({ results: [{ id, topic, dueAt: new Date(dueAtMs).toISOString(), dueAtMs }] })
})
const address = await app.listen({ host: '127.0.0.1', port: 0 })
console.log(new URL(address).port)
