// What an error looks like (RFC 9457): the members that all have, and those that help where they are there.

import { Type } from 'typebox'

export const PROBLEM_MEDIA = 'application/problem+json'

const text = (description: string) => Type.Optional(Type.String({ description }))
const whole = (description: string) => Type.Optional(Type.Integer({ description }))

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'Where this code is explained: /docs/errors/{code}.' }),
    title: Type.String({ description: 'What the code means; always the same.' }),
    status: Type.Integer({ description: 'The status of the answer.' }),
    code: Type.String({ description: 'Stable: the same mistake always has the same code.' }),
    detail: Type.String({ description: 'What is wrong and what would be right, in a sentence.' }),
    field: text('Which field or parameter: a path as acknowledgements.0.delay.'),
    limit: Type.Optional(
      Type.Union([Type.Number(), Type.String()], { description: 'What was exceeded: a number, a duration or a time.' }),
    ),
    limitMs: whole('The same in milliseconds.'),
    size: whole('How large it is, in bytes.'),
    index: whole('Which element of the list, from 0.'),
    line: whole('Which line of NDJSON, from 1.'),
    position: whole('At which byte.'),
    header: text('Which header.'),
    host: text('Which host.'),
    right: text('Which right is needed.'),
    topic: text('Which topic.'),
    group: text('Which group.'),
    partition: whole('Which partition.'),
    offset: whole('Which offset.'),
    lastOffset: whole('Up to which offset.'),
    logStartOffset: whole('The first offset that is kept.'),
    highWatermark: whole('The first offset that is not durable yet.'),
    allow: text('Which methods the path takes; also in the header Allow.'),
    id: text('Which message.'),
    state: text('What became of it already.'),
    task: text('Which redrive.'),
    freeBytes: whole('So much is free on the disk.'),
    freeFiles: whole('So many files can still be made.'),
    sizeBytes: whole('So much was needed.'),
    path: text('Which file of the data directory.'),
    second: whole('Which slot.'),
    reason: text('What the disk said.'),
    accepted: text('The content types that are accepted here; also in the header Accept.'),
  },
  { title: 'Problem', description: 'An error (RFC 9457). Which further members there are depends on the code.' },
)
