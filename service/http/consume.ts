// POST /v1/topics/{topic}/groups/{group}/acquire and /acknowledge: consuming.

import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { needs } from '../access/route-access.ts'
import type { Acknowledgement, AcknowledgeResult, Delivery, Pause } from '../delivery/index.ts'
import { parseDuration } from '../duration.ts'
import { between, invalidField } from '../publish/message.ts'
import type { Release } from '../quotas/quotas.ts'
import { formatTime } from '../time.ts'
import type { Operation } from '../tracing/tracing.ts'
import { Acknowledge, Acknowledged, Acquire, Acquired, type Acknowledgement as Given } from './consume-forms.ts'
import { lockOf } from './group-forms.ts'
import { JSON_TYPE, JsonWriter } from './json-writer.ts'
import type { HttpParts } from './parts.ts'
import { attemptsJson, writeBodyMembers } from './record-json.ts'
import { READS, WHEEL, WRITES } from './route-errors.ts'
import { answers, bodyMayBeMissing, GroupPath, NoQuery, namesOf, optionalBody } from './schemas.ts'
import { Waiting } from './waiting.ts'
import { WaitingCalls } from './waiting-calls.ts'

const WAIT_MS_MAX = 5 * 60_000
/** About what a record takes in an answer beside its body. */
const MEMBERS_SIZE = 320

const ACQUIRE: Operation = { name: 'acquire', type: 'receive' }
const ACKNOWLEDGE: Operation = { name: 'acknowledge', type: 'settle' }

interface OfGroup {
  Params: { topic: string; group: string }
}

export function consumeRoutes(app: FastifyInstance, { groups, settings, stopping, quotas, tracing }: HttpParts): void {
  const shared = { tags: ['Consume'], params: GroupPath, querystring: NoQuery }
  const waitingCalls = new WaitingCalls(settings.ACQUIRES_WAITING_MAX)
  const plain = { serializerCompiler: () => (text: unknown) => text as string }
  const json = new JsonWriter()
  const waiting = new Waiting(stopping)

  app.post<OfGroup & { Body: Static<typeof Acquire> }>(
    '/v1/topics/:topic/groups/:group/acquire',
    {
      config: { access: needs('consume'), operation: ACQUIRE },
      ...plain,
      ...bodyMayBeMissing,
      schema: {
        ...shared,
        operationId: 'acquire',
        summary: 'Take records under a lock',
        description:
          'Waits while there is nothing, if it is to. The first call makes the group. A record whose lock runs out before it ' +
          'is acknowledged counts as released, and comes again.',
        ...optionalBody(Acquire),
        ...answers({ 200: Acquired }, [
          'INVALID_DURATION',
          'TOPIC_NOT_FOUND',
          'GROUP_NOT_FOUND',
          'GROUP_NAME_AMBIGUOUS',
          'GROUP_PUSHES',
          'TOO_MANY_GROUPS',
          'TOO_MANY_WAITING',
          ...READS,
          ...WRITES,
          ...WHEEL,
        ]),
      },
    },
    async (request, reply) => {
      const { params, body, caller } = request
      const waitMs = body.wait === undefined ? 0 : between(parseDuration(body.wait, 'wait'), 0, WAIT_MS_MAX, 'wait')
      const lockMs = body.lock === undefined ? undefined : lockOf(body.lock)
      const { topic, group } = namesOf(params)
      if (tracing !== undefined) request.subject = { messages: 0 }
      const known = groups.settingsOf(topic, group)
      if (known?.push) throw groupPushes(topic, group)
      const leave = waitMs > 0 ? waitingCalls.enter(caller) : undefined
      const signal = waitMs > 0 ? waiting.signalOf(reply.raw) : undefined
      let release: Release | undefined
      let deliveries: Delivery[]
      try {
        if (known === undefined) release = quotas.reserveGroup(topic, group)
        deliveries = await groups.acquire(topic, group, { max: body.max ?? 100, waitMs, lockMs, signal })
      } finally {
        release?.()
        leave?.()
      }
      if (tracing !== undefined) request.subject = { messages: deliveries.length, deliveries }
      reply.header('content-type', JSON_TYPE)
      const paused = deliveries.length === 0 ? groups.settingsOf(topic, group)?.paused : undefined
      if (paused !== undefined) return pausedJson(paused)
      writeDeliveries(json, deliveries)
      return json.finish(reply.raw)
    },
  )

  app.post<OfGroup & { Body: Static<typeof Acknowledge> }>(
    '/v1/topics/:topic/groups/:group/acknowledge',
    {
      config: { access: needs('consume'), operation: ACKNOWLEDGE },
      ...plain,
      schema: {
        ...shared,
        operationId: 'acknowledge',
        summary: 'Say what became of records',
        description:
          'A release comes again after its tier, or its own delay; after the last tier, and when rejected, a record goes to ' +
          'the dead letters. Durable when answered. A receipt that is no longer valid is answered as invalid.',
        body: Acknowledge,
        ...answers({ 200: Acknowledged }, [
          'MISSING_FIELD',
          'INVALID_DURATION',
          'TOPIC_NOT_FOUND',
          'GROUP_NOT_FOUND',
          'APPEND_TOO_LARGE',
          ...READS,
          ...WRITES,
          ...WHEEL,
        ]),
      },
    },
    async (request, reply) => {
      const { params, body } = request
      const acknowledgements = body.acknowledgements.map((given, i) => acknowledgementOf(given, i, settings.DELAY_MAX))
      const { topic, group } = namesOf(params)
      if (tracing !== undefined) request.subject = { messages: acknowledgements.length }
      const results = await groups.acknowledge(topic, group, acknowledgements)
      reply.header('content-type', JSON_TYPE)
      return `{"results":[${results.map(resultJson).join(',')}]}`
    },
  )
}

function groupPushes(topic: string, group: string): DwellError {
  const sentence = `The group ${group} pushes its records to its endpoint; acquire with another group, or set push to null.`
  return new DwellError('GROUP_PUSHES', sentence, { topic, group })
}

function acknowledgementOf(given: Static<typeof Given>, index: number, delayMaxMs: number): Acknowledgement {
  const { receipt, type, delay, reason, lock } = given
  if (type === 'accept' && delay === undefined && lock === undefined && reason === undefined) return { receipt, type }
  const at = `acknowledgements.${index}`
  if (delay !== undefined && type !== 'release')
    throw invalidField(`${at}.delay`, 'absent unless type is release', { index })
  if (lock !== undefined && type !== 'renew') throw invalidField(`${at}.lock`, 'absent unless type is renew', { index })
  if (reason !== undefined && type !== 'release' && type !== 'reject') {
    throw invalidField(`${at}.reason`, 'absent unless type is release or reject', { index })
  }
  switch (type) {
    case 'accept':
      return { receipt, type }
    case 'reject':
      return { receipt, type, reason }
    case 'renew':
      return { receipt, type, lockMs: lock === undefined ? undefined : lockOf(lock) }
    case 'release': {
      const delayMs =
        delay === undefined ? undefined : between(parseDuration(delay, `${at}.delay`), 0, delayMaxMs, `${at}.delay`)
      return { receipt, type, delayMs, reason }
    }
  }
}

function writeDeliveries(json: JsonWriter, deliveries: readonly Delivery[]): void {
  json.begin(deliveries.reduce((size, { body }) => size + body.length + MEMBERS_SIZE, 0))
  json.text('{"records":[')
  let lockedUntilMs = Number.NaN
  let lockedUntil = ''
  for (let i = 0; i < deliveries.length; i++) {
    // Mostly the same for all of them, and never the second that timestamps are in.
    if (deliveries[i].lockedUntilMs !== lockedUntilMs) {
      lockedUntilMs = deliveries[i].lockedUntilMs
      lockedUntil = formatTime(lockedUntilMs)
    }
    if (i > 0) json.text(',')
    writeDelivery(json, deliveries[i], lockedUntil)
  }
  json.text(']}')
}

function pausedJson({ reason, sinceMs }: Pause): string {
  return `{"records":[],"paused":true,"reason":${JSON.stringify(reason)},"since":"${formatTime(sinceMs)}"}`
}

function writeDelivery(json: JsonWriter, delivery: Delivery, lockedUntil: string): void {
  const { receipt, topic, partition, offset, timestampMs, body, deliveryCount } = delivery
  const tried = delivery.attempts.length === 0 ? '' : `,${attemptsJson(delivery)}`
  json.text(`{"receipt":"${receipt}","topic":"${topic}","partition":${partition},"offset":${offset},`)
  writeBodyMembers(json, body)
  json.text(
    `,"timestamp":"${formatTime(timestampMs)}","deliveryCount":${deliveryCount},"lockedUntil":"${lockedUntil}"${tried}}`,
  )
}

function resultJson(result: AcknowledgeResult): string {
  switch (result.state) {
    case 'acknowledged':
      return '{"state":"acknowledged"}'
    case 'dead':
      return '{"state":"dead"}'
    case 'retrying':
      return `{"state":"retrying","dueAt":"${formatTime(result.dueAtMs)}","dueAtMs":${result.dueAtMs},"tier":"${result.tier}"}`
    case 'acquired':
      return `{"state":"acquired","lockedUntil":"${formatTime(result.lockedUntilMs)}"}`
    case 'invalid':
      return `{"state":"invalid","code":"${result.code}"}`
  }
}
