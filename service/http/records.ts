// GET /v1/topics/{topic}/partitions/{partition}/records: the log as it is, up to the high watermark.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { DwellError, type LogEngine, readRecords } from '../../storage/index.ts'
import { invalidField } from '../delivery/message.ts'
import { checkName } from '../names.ts'
import { formatTime, parseTime } from '../time.ts'
import { JSON_TYPE } from './messages.ts'
import type { HttpParts } from './parts.ts'
import { bodyMembers } from './record-json.ts'
import { answers, CLOSED } from './schemas.ts'

const LIMIT_MAX = 10_000
const READ_BYTES = 1024 * 1024
/** The answer ends behind the record with which it becomes larger. */
const ANSWER_LENGTH_MAX = 8 * 1024 * 1024

const Path = Type.Object({ topic: Type.String(), partition: Type.String({ pattern: '^[0-9]{1,9}$' }) })
const Query = Type.Object(
  {
    offset: Type.Optional(
      Type.String({
        default: 'earliest',
        description: 'A number, earliest, latest, or a time as @2026-11-20T10:00:00Z.',
      }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LIMIT_MAX, default: 100 })),
  },
  CLOSED,
)
export const RecordMembers = {
  key: Type.Union([Type.String(), Type.Null()]),
  value: Type.Optional(Type.Unknown()),
  valueBase64: Type.Optional(Type.String()),
  headers: Type.Record(Type.String(), Type.String()),
  id: Type.Optional(Type.String()),
}
const Records = Type.Object({
  records: Type.Array(
    Type.Object({ offset: Type.Integer(), timestamp: Type.String({ format: 'date-time' }), ...RecordMembers }),
  ),
  nextOffset: Type.Integer({ description: 'Where to read on.' }),
  highWatermark: Type.Integer(),
})

export function recordRoutes(app: FastifyInstance, { topics, engine }: HttpParts): void {
  app.get<{ Params: { topic: string; partition: string }; Querystring: Static<typeof Query> }>(
    '/v1/topics/:topic/partitions/:partition/records',
    {
      serializerCompiler: () => (text) => text as string,
      schema: {
        tags: ['Topics'],
        summary: 'Read the log',
        params: Path,
        querystring: Query,
        ...answers({ 200: Records }),
      },
    },
    async ({ params, query }, reply) => {
      const { name: topic, partitions } = topics.describe(checkName(params.topic, 'topic'))
      const partition = Number(params.partition)
      if (partition >= partitions) {
        throw new DwellError('PARTITION_NOT_FOUND', `The topic ${topic} has ${partitions} partitions.`, {
          limit: partitions - 1,
        })
      }
      const from = await offsetOf(engine, topic, partition, query.offset ?? 'earliest')
      reply.header('content-type', JSON_TYPE)
      return readJson(engine, topic, partition, from, query.limit ?? 100)
    },
  )
}

async function offsetOf(engine: LogEngine, topic: string, partition: number, text: string): Promise<number> {
  const { logStartOffset, highWatermark } = engine.offsets(topic, partition)
  if (text === 'earliest') return logStartOffset
  if (text === 'latest') return highWatermark
  if (text.startsWith('@')) return engine.offsetForTime(topic, partition, parseTime(text.slice(1), 'offset'))
  if (!/^\d{1,15}$/.test(text))
    throw invalidField('offset', 'a number, earliest, latest, or a time as @2026-11-20T10:00:00Z')
  const offset = Number(text)
  if (offset >= logStartOffset && offset <= highWatermark) return offset
  throw new DwellError('OFFSET_OUT_OF_RANGE', `Offset ${offset} is not in ${logStartOffset} to ${highWatermark}.`, {
    logStartOffset,
    highWatermark,
  })
}

async function readJson(
  engine: LogEngine,
  topic: string,
  partition: number,
  from: number,
  limit: number,
): Promise<string> {
  const { highWatermark } = engine.offsets(topic, partition)
  let text = ''
  let offset = from
  let count = 0
  while (count < limit && offset < highWatermark && text.length < ANSWER_LENGTH_MAX) {
    const records = readRecords(await engine.read(topic, partition, offset, READ_BYTES), offset)
    if (records.length === 0) break
    for (const record of records) {
      if (count === limit || record.offset >= highWatermark || text.length >= ANSWER_LENGTH_MAX) break
      const comma = count++ === 0 ? '' : ','
      text += `${comma}{"offset":${record.offset},"timestamp":"${formatTime(record.timestampMs)}",${bodyMembers(record.body)}}`
      offset = record.offset + 1
    }
  }
  return `{"records":[${text}],"nextOffset":${offset},"highWatermark":${highWatermark}}`
}
