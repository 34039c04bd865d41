// /v1/topics: created, changed, described, listed, deleted.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { TopicDescription } from '../../storage/index.ts'
import { RIGHTS } from '../access/rights.ts'
import { needs, needsSome } from '../access/route-access.ts'
import { formatDuration, parseDuration } from '../duration.ts'
import { checkName } from '../names.ts'
import type { HttpParts } from './parts.ts'
import { WRITES } from './route-errors.ts'
import { answered, answers, CLOSED, Count, Duration, NoQuery, Offset, oneOf, TopicPath } from './schemas.ts'

const PARTITIONS_MAX = 1_000

const Change = Type.Object(
  {
    partitions: Type.Optional(
      Type.Integer({ minimum: 1, maximum: PARTITIONS_MAX, description: 'How many. They can become more, not fewer.' }),
    ),
    retention: Type.Optional(
      Type.Union([Duration, Type.Null()], { description: 'How long records are kept; null for ever.' }),
    ),
    retentionBytes: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
        description: 'Bytes that a partition keeps; null all.',
      }),
    ),
    cleanup: Type.Optional(
      Type.Union([Type.Literal('delete'), Type.Literal('compact')], {
        description:
          'What happens to records that are no longer wanted. delete: nothing but retention takes them. compact: of each ' +
          'key the last record is kept, sooner or later the others go; messages need a key then. Offsets never change; ' +
          'retention, if it is set, takes old records in either case.',
      }),
    ),
  },
  {
    ...CLOSED,
    title: 'TopicChange',
    description: 'What is given is set; the rest stays, or has its default in a new topic.',
    examples: [{ partitions: 4, retention: '7d', retentionBytes: 1_073_741_824, cleanup: 'delete' }],
  },
)
const KEPT = {
  topic: Type.String({ description: 'Its name.' }),
  retention: Type.Union([Type.String(), Type.Null()], { description: 'How long records are kept; null: for ever.' }),
  retentionBytes: Type.Union([Type.Integer(), Type.Null()], {
    description: 'Bytes that a partition keeps; null: all.',
  }),
  cleanup: oneOf(['delete', 'compact'], 'What happens to records that are no longer wanted.'),
}
const EXAMPLE = { topic: 'orders', retention: '7d', retentionBytes: null, cleanup: 'delete' }
const Topic = Type.Object(
  { ...KEPT, partitions: Type.Integer({ minimum: 1, description: 'How many.' }) },
  { title: 'Topic', description: 'A topic and its settings.' },
)
const TopicList = Type.Object(
  { topics: Type.Array(Topic, { description: 'By name.' }) },
  { title: 'TopicList', description: 'The topics.', examples: [{ topics: [{ ...EXAMPLE, partitions: 4 }] }] },
)
const Partition = Type.Object(
  {
    partition: Offset('Its number, from 0.'),
    logStartOffset: Offset('The first offset that is kept.'),
    highWatermark: Offset('The first offset that is not durable yet: readers see what lies below.'),
    logEndOffset: Offset('The offset that the next record gets.'),
    sizeBytes: Count('How much the partition takes.'),
  },
  { title: 'Partition', description: 'What a partition holds.' },
)
const Description = Type.Object(
  { ...KEPT, partitions: Type.Array(Partition, { description: 'In order.' }) },
  {
    title: 'TopicDescription',
    description: 'A topic, its settings and its partitions.',
    examples: [
      {
        ...EXAMPLE,
        partitions: [{ partition: 0, logStartOffset: 0, highWatermark: 42, logEndOffset: 42, sizeBytes: 5120 }],
      },
    ],
  },
)

interface OfTopic {
  Params: { topic: string }
}

export function topicRoutes(app: FastifyInstance, { topics, engine, groups, quotas, settings }: HttpParts): void {
  const tags = ['Topics']
  const ofTopic = { tags, params: TopicPath, querystring: NoQuery }

  app.put<OfTopic & { Body: Static<typeof Change> }>(
    '/v1/topics/:topic',
    {
      config: { access: needs('admin') },
      schema: {
        ...ofTopic,
        operationId: 'putTopic',
        summary: 'Create or change a topic',
        description:
          'Answers 201 when it is new. A retry or dead-letter topic of a group is left to the group: 409 TOPIC_OWNED_BY_GROUP.',
        body: Change,
        ...answers({ 200: answered(Description, 'Changed.'), 201: answered(Description, 'Created.') }, [
          'INVALID_DURATION',
          'PARTITIONS_CANNOT_SHRINK',
          'TOPIC_OWNED_BY_GROUP',
          'TOPIC_EXISTS',
          'TOO_MANY_TOPICS',
          'TOO_MANY_PARTITIONS',
          'DISK_LOW',
          ...WRITES,
        ]),
      },
    },
    async ({ params, body, caller }, reply) => {
      const { retention } = body
      const name = checkName(params.topic, 'topic')
      const retentionMs =
        retention === undefined || retention === null ? retention : parseDuration(retention, 'retention')
      const partitions = body.partitions ?? topics.find(name)?.partitions ?? settings.DEFAULT_PARTITIONS
      const release = quotas.reserveTopic(caller, name, partitions)
      try {
        const { partitions, retentionBytes, cleanup } = body
        const { created, topic } = await topics.put(name, { partitions, retentionMs, retentionBytes, cleanup })
        reply.code(created ? 201 : 200)
        return describe(topic)
      } finally {
        release()
      }
    },
  )

  app.get<OfTopic>(
    '/v1/topics/:topic',
    {
      config: { access: needs(...RIGHTS) },
      schema: {
        ...ofTopic,
        operationId: 'getTopic',
        summary: 'Describe a topic',
        description: 'Its settings, and what each partition holds.',
        ...answers({ 200: Description }, ['TOPIC_NOT_FOUND']),
      },
    },
    async ({ params }) => describe(topics.describe(checkName(params.topic, 'topic'))),
  )

  app.get(
    '/v1/topics',
    {
      config: { access: needsSome(...RIGHTS) },
      schema: {
        tags,
        querystring: NoQuery,
        operationId: 'listTopics',
        summary: 'List the topics',
        description: 'Those that the token sees, retry and dead-letter topics too.',
        ...answers({ 200: TopicList }, []),
      },
    },
    async ({ caller }) => {
      const seen = topics.list().filter(({ name }) => caller.sees(name))
      return { topics: seen.map((topic) => ({ partitions: topic.partitions, ...keptOf(topic) })) }
    },
  )

  app.delete<OfTopic>(
    '/v1/topics/:topic',
    {
      config: { access: needs('admin') },
      schema: {
        ...ofTopic,
        operationId: 'deleteTopic',
        summary: 'Delete a topic with all of its records and groups',
        description:
          'The retry topics of its groups go too, with what waits in them. Their dead-letter topics stay, as ordinary topics ' +
          'that can be read and deleted. A retry or dead-letter topic of a group that exists cannot be deleted: 409 ' +
          'TOPIC_OWNED_BY_GROUP; delete the group first.',
        ...answers({ 204: Type.Null({ description: 'Deleted.' }) }, [
          'TOPIC_NOT_FOUND',
          'TOPIC_OWNED_BY_GROUP',
          ...WRITES,
        ]),
      },
    },
    async ({ params }, reply) => {
      const topic = checkName(params.topic, 'topic')
      await topics.delete(topic)
      await groups.forgetTopic(topic)
      return reply.code(204).send()
    },
  )

  function describe(topic: TopicDescription) {
    const partitions = Array.from({ length: topic.partitions }, (_, partition) => {
      return { partition, ...engine.offsets(topic.name, partition) }
    })
    return { ...keptOf(topic), partitions }
  }
}

function keptOf({ name, retentionMs, retentionBytes, cleanup }: TopicDescription) {
  const retention = retentionMs === undefined ? null : formatDuration(retentionMs)
  return { topic: name, retention, retentionBytes: retentionBytes ?? null, cleanup }
}
