// POST /v1/topics/{topic}/messages and /raw: publishing.
//
// The hot path of the service. What would cost more than the publishing itself is done by hand: bodies are read in place
// (service/json-scanner.ts) instead of being parsed and validated, the answer is put together as text. The schemas here
// only describe; publish/message.ts checks. Measured at 64 connections, 1 KB: see test/bench.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BufferPool } from '../../storage/index.ts'
import { needs } from '../access/route-access.ts'
import type { ErrorCode } from '../errors.ts'
import type { Acks } from '../metrics/published-by-topic.ts'
import { checkName } from '../names.ts'
import { idOf } from '../publish/delayed.ts'
import { invalidField, type Message, unknownField } from '../publish/message.ts'
import { readLines, readOneOrMore } from '../publish/message-batch.ts'
import type { Published } from '../publish/publication.ts'
import { readRawMessage } from '../publish/raw-message.ts'
import { formatTime } from '../time.ts'
import type { Operation } from '../tracing/tracing.ts'
import { JSON_TYPE } from './json-writer.ts'
import {
  Published as Answer,
  messageBodies,
  NDJSON_MEDIA,
  PublishHeaders,
  PublishQuery,
  RAW_BODY,
  RawHeaders,
  RawQuery,
} from './message-forms.ts'
import { messageRules } from './message-rules.ts'
import type { HttpParts } from './parts.ts'
import { bodyTaker, RequestBody, textTaker } from './request-body.ts'
import { READS, WHEEL, WRITES } from './route-errors.ts'
import { answers, TopicPath } from './schemas.ts'
import { emptyBody } from './violations.ts'

const QUERY_NAMES = Object.keys(PublishQuery.properties)
const RAW_NAMES = Object.keys(RawQuery.properties)

type PublishRequest = FastifyRequest<{
  Params: { topic: string }
  Querystring: Record<string, unknown>
  Body: RequestBody | undefined
}>

const REFUSALS: readonly ErrorCode[] = [
  'INVALID_FIELD',
  'MISSING_FIELD',
  'DUPLICATE_FIELD',
  'CONFLICTING_FIELDS',
  'INVALID_DURATION',
  'INVALID_TIME',
  'DELAY_TOO_LONG',
  'KEY_REQUIRED',
  'TOPIC_NOT_FOUND',
  'PARTITION_NOT_FOUND',
  'TOPIC_OWNED_BY_GROUP',
  'TOO_MANY_TOPICS',
  'TOO_MANY_PARTITIONS',
  'TOO_MANY_PENDING',
  'TOO_MANY_PENDING_BYTES',
  'MESSAGE_TOO_LARGE',
  'APPEND_TOO_LARGE',
  'CLOCK_WRONG',
  'DISK_LOW',
  ...READS,
  ...WRITES,
  ...WHEEL,
]
const PUBLISH: Operation = { name: 'publish', type: 'send' }

/** The schemas of these routes are documents; nothing is compiled from them. */
const unchecked = { validatorCompiler: () => () => true }
const plain = { serializerCompiler: () => (text: unknown) => text as string }

export function messageRoutes(app: FastifyInstance, parts: HttpParts): void {
  const { settings, publisher, space, topics, quotas, pendingQuotas, tracing, metrics } = parts
  const rules = ({ headers }: FastifyRequest) => messageRules(parts, headers)
  const countMax = settings.REQUEST_MESSAGES_MAX
  const takeBody = bodyTaker({ ...parts, pool: new BufferPool(), bytesMax: settings.REQUEST_BYTES_MAX })

  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(['application/json', NDJSON_MEDIA], textTaker(takeBody))
    scope.post(
      '/v1/topics/:topic/messages',
      {
        config: { access: needs('publish'), operation: PUBLISH },
        ...unchecked,
        ...plain,
        schema: {
          tags: ['Publish'],
          operationId: 'publish',
          summary: 'Publish messages, at once or with a delay',
          description:
            'One message, {"messages": […]}, or application/x-ndjson with one a line, which is the fastest. All or nothing. ' +
            'A topic that does not exist is created, unless that is turned off. Repeat with the same id after a failure: ' +
            'what was published already is answered as a duplicate.',
          params: TopicPath,
          querystring: PublishQuery,
          headers: PublishHeaders,
          body: messageBodies(settings),
          ...answers({ 201: Answer }, [...REFUSALS, 'UNKNOWN_FIELD', 'EMPTY_BATCH', 'TOO_MANY_MESSAGES']),
        },
      },
      (request: PublishRequest, reply) => {
        const { topic } = request.params
        checkName(topic, 'topic')
        const { body } = request
        const mode = modeOf(request.query, QUERY_NAMES)
        if (body === undefined || body.bytes.length === 0) throw emptyBody()
        const isLines = request.headers['content-type']?.startsWith(NDJSON_MEDIA)
        const { bytes } = body
        const messages = isLines
          ? readLines(bytes, rules(request), countMax)
          : readOneOrMore(bytes, rules(request), countMax)
        publish(request, topic, messages, body, mode, reply)
      },
    )
  })

  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', takeBody)
    scope.post(
      '/v1/topics/:topic/raw',
      {
        config: { access: needs('publish'), operation: PUBLISH },
        ...unchecked,
        ...plain,
        schema: {
          tags: ['Publish'],
          operationId: 'publishRaw',
          summary: 'Publish the body as it is',
          description:
            'Whatever the body is, is the value of one message; its Content-Type is kept as the header content-type. So any ' +
            'foreign webhook can be pointed here. Request headers Dwell-…, or parameters of the query, say the rest, each in ' +
            'one of the two places; Dwell-Header-<name> gives the message the header <name>.',
          params: TopicPath,
          querystring: RawQuery,
          headers: RawHeaders,
          body: RAW_BODY,
          ...answers({ 201: Answer }, REFUSALS),
        },
      },
      (request: PublishRequest, reply) => {
        const { topic } = request.params
        checkName(topic, 'topic')
        const { key, delay, deliverAt, id, ...query } = request.query
        const mode = modeOf(query, RAW_NAMES)
        const { body = NO_BODY } = request
        const message = readRawMessage(body.bytes, request.headers, { key, delay, deliverAt, id }, rules(request))
        publish(request, topic, [message], body, mode, reply)
      },
    )
  })

  function publish(
    request: FastifyRequest,
    topic: string,
    messages: readonly Message[],
    body: RequestBody,
    { acks, quiet }: Mode,
    reply: FastifyReply,
  ): void {
    const { caller } = request
    if (tracing !== undefined) request.subject = { messages: messages.length }
    // Whoever does not wait is told at least what is known at once.
    if (acks === '0') space.admit()
    pendingQuotas.check(caller, topic, messages)
    const isNew = topics.find(topic) === undefined && settings.AUTO_CREATE_TOPICS
    const release = isNew ? quotas.reserveTopic(caller, topic, settings.DEFAULT_PARTITIONS) : undefined
    const published = publisher.publish(topic, messages)
    if (release !== undefined) published.then(release, release)
    reply.code(201).header('content-type', JSON_TYPE)
    if (acks === '0') {
      // Whoever does not wait is not told of a failure either; one of the disk stops the process.
      published.then(
        (results) => {
          body.release()
          metrics.countPublished(topic, acks, freshCount(results))
        },
        () => {},
      )
      reply.send(`{"count":${messages.length}}`)
      return
    }
    published.then(
      (results) => {
        body.release()
        metrics.countPublished(topic, acks, freshCount(results))
        reply.send(quiet ? `{"count":${messages.length}}` : resultsJson(topic, messages, results))
      },
      (error) => reply.send(error),
    )
  }
}

interface Mode {
  acks: Acks
  quiet: boolean
}

const NO_BODY = new RequestBody(Buffer.alloc(0))
const USUAL: Mode = { acks: 'all', quiet: false }

/** `known` are all the names that the query may hold, those too which were taken out of it before. */
function modeOf(query: Record<string, unknown>, known: readonly string[]): Mode {
  let mode = USUAL
  for (const name in query) {
    const value = query[name]
    if (name === 'acks') {
      if (Array.isArray(value)) throw invalidField('acks', 'given once')
      if (value !== '0' && value !== '1' && value !== 'all') throw invalidField('acks', '0, 1 or all')
      mode = { ...mode, acks: value }
    } else if (name === 'results') {
      if (Array.isArray(value)) throw invalidField('results', 'given once')
      if (value !== 'none') throw invalidField('results', 'none')
      mode = { ...mode, quiet: true }
    } else throw unknownField(name, known, 'query')
  }
  return mode
}

/** How many of them are no duplicates. */
function freshCount(results: readonly Published[]): number {
  let count = 0
  for (let i = 0; i < results.length; i++) if (!results[i].duplicate) count++
  return count
}

function resultsJson(topic: string, messages: readonly Message[], results: readonly Published[]): string {
  let text = '{"results":['
  for (let i = 0; i < results.length; i++) text += (i === 0 ? '' : ',') + resultJson(topic, messages[i].id, results[i])
  return `${text}]}`
}

function resultJson(topic: string, ownId: string, result: Published): string {
  const duplicate = result.duplicate ? ',"duplicate":true' : ''
  // The topic's name and an id that we made need no escapes.
  if (result.kind === 'delayed') {
    const state = result.state === undefined ? '' : `,"state":"${result.state}"`
    const id = ownId === '' ? `"${idOf(ownId, result.dueAtMs, result.delayOffset)}"` : JSON.stringify(ownId)
    return `{"id":${id},"topic":"${topic}","dueAt":"${formatTime(result.dueAtMs)}","dueAtMs":${result.dueAtMs}${duplicate}${state}}`
  }
  const id = ownId === '' ? '' : `,"id":${JSON.stringify(ownId)}`
  return `{"topic":"${topic}","partition":${result.partition},"offset":${result.offset}${id}${duplicate}}`
}
