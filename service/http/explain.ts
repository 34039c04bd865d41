// GET /v1/topics/{topic}/explain: where a message is, what happened to it, what comes next, and why not yet.

import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { DwellError } from '../../storage/index.ts'
import { RIGHTS } from '../access/rights.ts'
import { needs } from '../access/route-access.ts'
import type { AskedMessage } from '../delivery/explain/explain.ts'
import type { Account, Explanation } from '../delivery/explain/explanation.ts'
import { checkName } from '../names.ts'
import { checkId } from '../publish/message.ts'
import { formatTime } from '../time.ts'
import { ExplainQuery, ExplanationShown } from './explain-forms.ts'
import type { HttpParts } from './parts.ts'
import { READS, WHEEL } from './route-errors.ts'
import { answers, TopicPath } from './schemas.ts'

export function explainRoutes(app: FastifyInstance, { explainer }: HttpParts): void {
  app.get<{ Params: Static<typeof TopicPath>; Querystring: Static<typeof ExplainQuery> }>(
    '/v1/topics/:topic/explain',
    {
      config: { access: needs(...RIGHTS) },
      schema: {
        tags: ['Explain'],
        operationId: 'explain',
        summary: 'Where a message is, what happened to it, and why not yet',
        description: 'By id, or by partition and offset. It changes nothing, and reads no more than 16 MiB.',
        params: TopicPath,
        querystring: ExplainQuery,
        ...answers({ 200: ExplanationShown }, [
          'INVALID_FIELD',
          'MISSING_FIELD',
          'CONFLICTING_FIELDS',
          'TOPIC_NOT_FOUND',
          'GROUP_NOT_FOUND',
          'PARTITION_NOT_FOUND',
          'OFFSET_OUT_OF_RANGE',
          ...READS,
          ...WHEEL,
        ]),
      },
    },
    async ({ params, query }) => {
      const topic = checkName(params.topic, 'topic')
      const group = query.group === undefined ? undefined : checkName(query.group, 'group')
      return explanationJson(await explainer.explain(topic, askedOf(query), group))
    },
  )
}

/** @throws MISSING_FIELD, CONFLICTING_FIELDS, INVALID_FIELD */
function askedOf({ id, partition, offset }: Static<typeof ExplainQuery>): AskedMessage {
  if (id !== undefined) {
    if (partition === undefined && offset === undefined) return { id: checkId(id) }
    const field = partition === undefined ? 'offset' : 'partition'
    throw new DwellError('CONFLICTING_FIELDS', 'Give id, or partition and offset, not both.', { field })
  }
  if (partition !== undefined && offset !== undefined) return { partition, offset }
  const field = partition !== undefined ? 'offset' : offset !== undefined ? 'partition' : 'id'
  const sentence =
    field === 'id' ? 'Give id, or partition and offset.' : `${field} is needed beside the other: give both.`
  throw new DwellError('MISSING_FIELD', sentence, { field })
}

function explanationJson({ topic, id, partition, offset, group, groups, groupsOmitted, ...account }: Explanation) {
  return {
    topic,
    id,
    partition,
    offset,
    group,
    ...accountJson(account),
    groups: groups?.map(({ group, ...account }) => ({ group, ...accountJson(account) })),
    groupsOmitted,
  }
}

function accountJson({ dueAtMs, lockedUntilMs, happened, next, ...account }: Account<string>) {
  return {
    ...account,
    ...(dueAtMs !== undefined && { dueAt: formatTime(dueAtMs), dueAtMs }),
    ...(lockedUntilMs !== undefined && { lockedUntil: formatTime(lockedUntilMs), lockedUntilMs }),
    happened: happened.map(({ atMs, ...rest }) => ({ at: formatTime(atMs), atMs, ...rest })),
    next: next && { ...next, ...(next.atMs !== undefined && { at: formatTime(next.atMs) }) },
  }
}
