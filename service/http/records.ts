// What lies in a partition, up to the high watermark:
//
//   GET /v1/topics/{topic}/partitions/{partition}/records   as JSON, record by record
//   GET /v1/topics/{topic}/partitions/{partition}/batches   as it is stored, in large pages: Kafka's record batches

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { DwellError, endOffsetOf, type LogEngine, readPage, Turns } from '../../storage/index.ts'
import { needs } from '../access/route-access.ts'
import type { ErrorCode } from '../errors.ts'
import { checkName } from '../names.ts'
import { invalidField } from '../publish/message.ts'
import { formatTime, parseTime } from '../time.ts'
import type { Topics } from '../topics.ts'
import { JSON_TYPE } from './json-writer.ts'
import { PageMemory } from './page-memory.ts'
import type { HttpParts } from './parts.ts'
import { RecordMembers } from './record-forms.ts'
import { bodyMembers } from './record-json.ts'
import { READS } from './route-errors.ts'
import { At, answers, byHand, CLOSED, Offset, QueryCount, TopicName } from './schemas.ts'

const MIB = 1024 * 1024
const LIMIT_MAX = 10_000
const READ_BYTES = MIB
/** The answer ends behind the record with which it becomes larger. */
const ANSWER_LENGTH_MAX = 8 * MIB
/** Answers in JSON that are being made at once. */
const MAKING_MAX = 8
const PAGE_BYTES = MIB
/** Checking the checksums of so much holds all others up for about two milliseconds. */
const PAGE_BYTES_MAX = 8 * MIB
const BATCHES_TYPE = 'application/octet-stream'

const Path = Type.Object({
  topic: TopicName,
  partition: Type.String({ pattern: '^[0-9]{1,9}$', description: 'The partition, from 0.', examples: ['0'] }),
})
const From = Type.Optional(
  Type.String({
    default: 'earliest',
    description: 'Where to begin: a number, earliest, latest, or a time as @2026-11-20T10:00:00Z.',
    ...byHand({ pattern: '^([0-9]{1,15}|earliest|latest|@.+)$' }),
  }),
)
const RecordsQuery = Type.Object(
  { offset: From, limit: QueryCount({ maximum: LIMIT_MAX, default: 100, description: 'How many at most.' }) },
  CLOSED,
)
const BatchesQuery = Type.Object(
  {
    offset: From,
    maxBytes: QueryCount({
      maximum: PAGE_BYTES_MAX,
      default: PAGE_BYTES,
      description: 'About how much to answer; always at least one batch if there is one.',
    }),
  },
  CLOSED,
)
const LogRecord = Type.Object(
  { offset: Offset('Where it lies in its partition.'), timestamp: At('When it was published.'), ...RecordMembers },
  { title: 'LogRecord', description: 'A record as it lies in the log.' },
)
const Records = Type.Object(
  {
    records: Type.Array(LogRecord, { description: 'In order of offset; compaction leaves gaps.' }),
    nextOffset: Offset('Where to read on.'),
    highWatermark: Offset('The first offset that is not durable yet.'),
  },
  {
    title: 'Records',
    description: 'What lies in the partition from there on, up to the high watermark.',
    examples: [
      {
        records: [
          { offset: 12, timestamp: '2026-11-20T10:00:00.000Z', key: 'customer-4', value: { order: 17 }, headers: {} },
        ],
        nextOffset: 13,
        highWatermark: 13,
      },
    ],
  },
)
const Batches = {
  description:
    'Record batches, version 2, as Kafka stores them (kafka.apache.org/documentation/#recordbatch), one behind the other. ' +
    'The first one holds the offset that was asked for, or the next one there is: it may begin below it. ' +
    'Empty at the high watermark.',
  headers: {
    'dwell-next-offset': Offset('Where to read on.'),
    'dwell-high-watermark': Offset('The first offset that is not durable yet.'),
    'dwell-log-start-offset': Offset('The first offset that is kept.'),
  },
  content: { [BATCHES_TYPE]: { schema: Type.String({ format: 'binary', description: 'Record batches.' }) } },
}
const REFUSALS: readonly ErrorCode[] = [
  'INVALID_FIELD',
  'INVALID_TIME',
  'TOPIC_NOT_FOUND',
  'PARTITION_NOT_FOUND',
  'OFFSET_OUT_OF_RANGE',
  'OVERLOADED',
  ...READS,
]

interface PartitionPath {
  topic: string
  partition: string
}

export function recordRoutes(app: FastifyInstance, { topics, engine }: HttpParts): void {
  const path = '/v1/topics/:topic/partitions/:partition'
  const shared = { tags: ['Topics'], params: Path }
  const memory = new PageMemory()
  const making = new Turns(MAKING_MAX)
  const serializerCompiler = () => (text: unknown) => text as string

  app.get<{ Params: PartitionPath; Querystring: Static<typeof RecordsQuery> }>(
    `${path}/records`,
    {
      config: { access: needs('consume') },
      serializerCompiler,
      schema: {
        ...shared,
        operationId: 'readRecords',
        summary: 'Read the log',
        description: 'As it is, record by record; reading changes nothing. An answer may be shorter than asked for.',
        querystring: RecordsQuery,
        ...answers({ 200: Records }, REFUSALS),
      },
    },
    async ({ params, query }, reply) => {
      const { topic, partition } = placeOf(topics, params)
      const from = await offsetOf(engine, topic, partition, query.offset ?? 'earliest')
      const text = await making.run(() => readJson(engine, topic, partition, from, query.limit ?? 100))
      memory.lend(text.length).endWith(reply.raw)
      reply.header('content-type', JSON_TYPE)
      return text
    },
  )

  // Answers what the engine answers: nothing of it is copied, or looked into but the headers of the batches.
  app.get<{ Params: PartitionPath; Querystring: Static<typeof BatchesQuery> }>(
    `${path}/batches`,
    {
      config: { access: needs('consume') },
      serializerCompiler,
      schema: {
        ...shared,
        operationId: 'readBatches',
        summary: 'Read the log as it is stored, in large pages',
        description:
          'The stored bytes, with the compression that the producer chose. For copies and for Kafka’s tools.',
        querystring: BatchesQuery,
        ...answers({ 200: Batches }, REFUSALS),
      },
    },
    async ({ params, query }, reply) => {
      const { topic, partition } = placeOf(topics, params)
      const from = await offsetOf(engine, topic, partition, query.offset ?? 'earliest')
      const maxBytes = query.maxBytes ?? PAGE_BYTES
      const loan = memory.lend(maxBytes)
      const bytes = await engine.read(topic, partition, from, maxBytes, loan.allocate).catch((error) => {
        loan.end()
        throw error
      })
      loan.endWith(reply.raw)
      const { logStartOffset, highWatermark } = engine.offsets(topic, partition)
      reply
        .header('content-type', BATCHES_TYPE)
        .header('dwell-next-offset', endOffsetOf(bytes, from))
        .header('dwell-high-watermark', highWatermark)
        .header('dwell-log-start-offset', logStartOffset)
      return bytes
    },
  )
}

function placeOf(topics: Topics, params: PartitionPath): { topic: string; partition: number } {
  const { name: topic, partitions } = topics.describe(checkName(params.topic, 'topic'))
  const partition = Number(params.partition)
  if (partition < partitions) return { topic, partition }
  throw new DwellError('PARTITION_NOT_FOUND', `The topic ${topic} has ${partitions} partitions.`, {
    limit: partitions - 1,
  })
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
  const isFull = () => count === limit || text.length >= ANSWER_LENGTH_MAX
  while (offset < highWatermark && !isFull()) {
    const { records, nextOffset } = readPage(await engine.read(topic, partition, offset, READ_BYTES), offset)
    if (nextOffset === offset) break
    let taken = 0
    for (; taken < records.length && !isFull() && records[taken].offset < highWatermark; taken++) {
      const { offset: at, timestampMs, body } = records[taken]
      const comma = count++ === 0 ? '' : ','
      text += `${comma}{"offset":${at},"timestamp":"${formatTime(timestampMs)}",${bodyMembers(body)}}`
    }
    // Between records, and behind the last one, there may be gaps that compaction left.
    offset = Math.min(taken < records.length ? records[taken].offset : nextOffset, highWatermark)
  }
  return `{"records":[${text}],"nextOffset":${offset},"highWatermark":${highWatermark}}`
}
