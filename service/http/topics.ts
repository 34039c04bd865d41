// /v1/topics: created, changed, described, listed, deleted.

import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { TopicDescription } from '../../storage/index.ts'
import { RIGHTS } from '../access/rights.ts'
import { needs, needsSome } from '../access/route-access.ts'
import { formatDuration, parseDuration } from '../duration.ts'
import { checkName } from '../names.ts'
import type { HttpParts } from './parts.ts'
import { answers, CLOSED, Duration, NoQuery, TopicPath } from './schemas.ts'

const PARTITIONS_MAX = 1_000

const Change = Type.Object(
  {
    partitions: Type.Optional(Type.Integer({ minimum: 1, maximum: PARTITIONS_MAX })),
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
  CLOSED,
)
const Kept = {
  retention: Type.Union([Type.String(), Type.Null()]),
  retentionBytes: Type.Union([Type.Integer(), Type.Null()]),
  cleanup: Type.String(),
}
const Summary = Type.Object({ topic: Type.String(), partitions: Type.Integer(), ...Kept })
const Description = Type.Object({
  topic: Type.String(),
  ...Kept,
  partitions: Type.Array(
    Type.Object({
      partition: Type.Integer(),
      logStartOffset: Type.Integer(),
      highWatermark: Type.Integer(),
      logEndOffset: Type.Integer(),
      sizeBytes: Type.Integer(),
    }),
  ),
})

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
        summary: 'Create or change a topic',
        description: 'A retry or dead-letter topic of a group is left to the group: 409 TOPIC_OWNED_BY_GROUP.',
        body: Change,
        ...answers({ 200: Description, 201: Description }),
      },
    },
    async ({ params, body, caller }, reply) => {
      const { retention } = body
      const name = checkName(params.topic, 'topic')
      quotas.checkTopic(caller, name, body.partitions ?? topics.find(name)?.partitions ?? settings.DEFAULT_PARTITIONS)
      const { created, topic } = await topics.put(name, {
        partitions: body.partitions,
        retentionMs: retention === undefined || retention === null ? retention : parseDuration(retention, 'retention'),
        retentionBytes: body.retentionBytes,
        cleanup: body.cleanup,
      })
      reply.code(created ? 201 : 200)
      return describe(topic)
    },
  )

  app.get<OfTopic>(
    '/v1/topics/:topic',
    {
      config: { access: needs(...RIGHTS) },
      schema: { ...ofTopic, summary: 'Describe a topic', ...answers({ 200: Description }) },
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
        summary: 'List the topics',
        ...answers({ 200: Type.Object({ topics: Type.Array(Summary) }) }),
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
        summary: 'Delete a topic with all of its records and groups',
        description:
          'The retry topics of its groups go too, with what waits in them. Their dead-letter topics stay, as ordinary topics ' +
          'that can be read and deleted. A retry or dead-letter topic of a group that exists cannot be deleted: 409 ' +
          'TOPIC_OWNED_BY_GROUP; delete the group first.',
        ...answers({ 204: Type.Null() }),
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
