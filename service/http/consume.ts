// POST /v1/topics/{topic}/groups/{group}/acquire and /acknowledge: consuming.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { needs } from '../access/route-access.ts'
import {
  type Acknowledgement,
  type AcknowledgeResult,
  type Delivery,
  type Pause,
  REASON_LENGTH_MAX,
} from '../delivery/index.ts'
import { parseDuration } from '../duration.ts'
import { checkName } from '../names.ts'
import { between, invalidField } from '../publish/message.ts'
import { formatTime } from '../time.ts'
import { JsonWriter } from './json-writer.ts'
import { JSON_TYPE } from './messages.ts'
import type { HttpParts } from './parts.ts'
import { writeBodyMembers } from './record-json.ts'
import { RecordMembers } from './records.ts'
import { answers, CLOSED, Duration, GroupPath, NoQuery } from './schemas.ts'
import { Waiting } from './waiting.ts'
import { WaitingCalls } from './waiting-calls.ts'

const ACQUIRE_MAX = 10_000
const ACKNOWLEDGE_MAX = 10_000
const WAIT_MS_MAX = 5 * 60_000
/** As of the setting GROUP_LOCK: a shorter lock is over before its answer has arrived. */
const LOCK_MS_MIN = 100
const LOCK_MS_MAX = 24 * 3_600_000
/** About what a record takes in an answer beside its body. */
const MEMBERS_SIZE = 320

const Acquire = Type.Object(
  {
    max: Type.Optional(Type.Integer({ minimum: 1, maximum: ACQUIRE_MAX, default: 100 })),
    wait: Type.Optional(Duration),
    lock: Type.Optional(Duration),
  },
  CLOSED,
)
const Receipt = Type.String({ maxLength: 200 })
const Reason = Type.Optional(Type.String({ maxLength: REASON_LENGTH_MAX }))
// One object, not a union of four: its refusals name the field. What belongs to which type is checked below.
const AcknowledgementSchema = Type.Object(
  {
    receipt: Receipt,
    type: Type.Union([Type.Literal('accept'), Type.Literal('release'), Type.Literal('reject'), Type.Literal('renew')]),
    delay: Type.Optional(Duration),
    reason: Reason,
    lock: Type.Optional(Duration),
  },
  CLOSED,
)
const Acknowledge = Type.Object(
  { acknowledgements: Type.Array(AcknowledgementSchema, { minItems: 1, maxItems: ACKNOWLEDGE_MAX }) },
  CLOSED,
)
export const AttemptSchema = Type.Object({
  at: Type.String({ format: 'date-time' }),
  cause: Type.String(),
  reason: Type.String(),
})
const Acquired = Type.Object({
  paused: Type.Optional(
    Type.Boolean({ description: 'Set, with reason and since, when the wait ended in a pause of the group.' }),
  ),
  reason: Type.Optional(Type.String()),
  since: Type.Optional(Type.String({ format: 'date-time' })),
  records: Type.Array(
    Type.Object({
      receipt: Type.String(),
      topic: Type.String(),
      partition: Type.Integer(),
      offset: Type.Integer(),
      ...RecordMembers,
      timestamp: Type.String({ format: 'date-time' }),
      deliveryCount: Type.Integer(),
      lockedUntil: Type.String({ format: 'date-time' }),
      attempts: Type.Optional(Type.Array(AttemptSchema)),
      attemptsDropped: Type.Optional(Type.Integer()),
    }),
  ),
})
const Acknowledged = Type.Object({
  results: Type.Array(
    Type.Object({
      state: Type.String({ description: 'acknowledged, retrying, dead, acquired or invalid' }),
      dueAt: Type.Optional(Type.String({ format: 'date-time' })),
      dueAtMs: Type.Optional(Type.Integer()),
      tier: Type.Optional(Type.String()),
      lockedUntil: Type.Optional(Type.String({ format: 'date-time' })),
      code: Type.Optional(Type.String()),
    }),
  ),
})

interface OfGroup {
  Params: { topic: string; group: string }
}

export function consumeRoutes(app: FastifyInstance, { groups, settings, stopping, quotas }: HttpParts): void {
  const shared = { tags: ['Consume'], params: GroupPath, querystring: NoQuery }
  const waitingCalls = new WaitingCalls(settings.ACQUIRES_WAITING_MAX)
  const plain = { serializerCompiler: () => (text: unknown) => text as string }
  const json = new JsonWriter()
  const waiting = new Waiting(stopping)

  app.post<OfGroup & { Body: Static<typeof Acquire> }>(
    '/v1/topics/:topic/groups/:group/acquire',
    {
      config: { access: needs('consume') },
      ...plain,
      preValidation: (request, _reply, done) => {
        request.body ??= {}
        done()
      },
      schema: { ...shared, summary: 'Take records under a lock', body: Acquire, ...answers({ 200: Acquired }) },
    },
    async ({ params, body, caller }, reply) => {
      const waitMs = body.wait === undefined ? 0 : between(parseDuration(body.wait, 'wait'), 0, WAIT_MS_MAX, 'wait')
      const lockMs = body.lock === undefined ? undefined : lockOf(body.lock)
      const { topic, group } = namesOf(params)
      const known = groups.settingsOf(topic, group)
      if (known === undefined) quotas.checkGroup()
      else if (known.push) throw groupPushes(topic, group)
      const leave = waitMs > 0 ? waitingCalls.enter(caller) : undefined
      const signal = waitMs > 0 ? waiting.signalOf(reply.raw) : undefined
      let deliveries: Delivery[]
      try {
        deliveries = await groups.acquire(topic, group, { max: body.max ?? 100, waitMs, lockMs, signal })
      } finally {
        leave?.()
      }
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
      config: { access: needs('consume') },
      ...plain,
      schema: {
        ...shared,
        summary: 'Say what became of records',
        body: Acknowledge,
        ...answers({ 200: Acknowledged }),
      },
    },
    async ({ params, body }, reply) => {
      const acknowledgements = body.acknowledgements.map((given, i) => acknowledgementOf(given, i, settings.DELAY_MAX))
      const { topic, group } = namesOf(params)
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

export function namesOf({ topic, group }: { topic: string; group: string }): { topic: string; group: string } {
  return { topic: checkName(topic, 'topic'), group: checkName(group, 'group') }
}

/** @throws INVALID_FIELD */
export function lockOf(given: number | string): number {
  return between(parseDuration(given, 'lock'), LOCK_MS_MIN, LOCK_MS_MAX, 'lock')
}

function acknowledgementOf(
  given: Static<typeof AcknowledgementSchema>,
  index: number,
  delayMaxMs: number,
): Acknowledgement {
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

/** The members of a record that tell of its tries. */
export function attemptsJson({ attempts, attemptsDropped }: Pick<Delivery, 'attempts' | 'attemptsDropped'>): string {
  const kept = attempts.map(({ at, cause, reason }) => ({ at: formatTime(at), cause, reason }))
  const dropped = attemptsDropped === undefined ? '' : `,"attemptsDropped":${attemptsDropped}`
  return `"attempts":${JSON.stringify(kept)}${dropped}`
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
