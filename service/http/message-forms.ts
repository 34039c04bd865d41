// What publishing takes and answers, as the document says it. Nothing is compiled from these schemas: publish/message.ts reads
// and checks by hand.

import { Type } from 'typebox'
import { HEADERS_MAX, ID_LENGTH_MAX } from '../publish/message.ts'
import type { Settings } from '../settings.ts'
import { At, AtMs, byHand, CLOSED, Duration, DurationText, here, Offset, oneOf, Time } from './schemas.ts'

export const NDJSON_MEDIA = 'application/x-ndjson'

const MessageId = Type.String({
  minLength: 1,
  maxLength: ID_LENGTH_MAX,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
  description: 'Your own handle, unique in its topic while the message waits and for the deduplication window after.',
})
const Key = Type.String({ description: 'The same key goes to the same partition, in order.' })
const MEMBERS = {
  value: Type.Optional(
    Type.Unknown({ description: 'Any JSON. Text is stored as its UTF-8, other JSON as the very text it came in.' }),
  ),
  valueBase64: Type.Optional(
    Type.String({
      pattern: '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
      description: 'Instead of value: bytes, in base64 with its padding.',
    }),
  ),
  key: Type.Optional(Key),
  partition: Type.Optional(Type.Integer({ minimum: 0, description: 'Chooses the partition, whatever the key.' })),
  headers: Type.Optional(
    Type.Record(Type.String(), Type.String(), {
      maxProperties: HEADERS_MAX,
      propertyNames: { minLength: 1, maxLength: 200, pattern: '^(?!__)' },
      description: 'Text to text. Names that begin with __ are the service’s own.',
    }),
  ),
  delay: Type.Optional(here(Duration, 'How long it is kept back. Zero: published at once. Not beside deliverAt.')),
  deliverAt: Type.Optional(here(Time, 'When it is published. Past: at once. Not beside delay.')),
  id: Type.Optional(MessageId),
}
const EXAMPLE = {
  value: { order: 17 },
  key: 'customer-4',
  headers: { trace: 'abc' },
  delay: '30s',
  id: 'order-17-reminder',
}
const Message = Type.Object(MEMBERS, {
  ...CLOSED,
  title: 'Message',
  description: 'A message to publish: value or valueBase64, and at most one of delay and deliverAt.',
  // Not as a choice beside the properties: of that, generated clients make a type that takes anything.
  ...byHand({
    not: {
      anyOf: [
        { not: { anyOf: [{ required: ['value'] }, { required: ['valueBase64'] }] } },
        { required: ['value', 'valueBase64'] },
        { required: ['delay', 'deliverAt'] },
      ],
    },
  }),
})

/** The bodies of a publication, by their type. */
export function messageBodies({ REQUEST_MESSAGES_MAX }: Pick<Settings, 'REQUEST_MESSAGES_MAX'>) {
  const Messages = Type.Object(
    {
      messages: Type.Array(Message, {
        minItems: 1,
        maxItems: REQUEST_MESSAGES_MAX,
        description: 'All are published, or none; a refusal names the index of the one that is wrong.',
      }),
    },
    { ...CLOSED, title: 'Messages', description: 'Several messages.' },
  )
  const second = { valueBase64: 'AAEC', deliverAt: '2026-11-20T10:00:00Z' }
  return {
    content: {
      'application/json': {
        schema: Type.Union([Message, Messages], { examples: [EXAMPLE, { messages: [EXAMPLE, second] }] }),
      },
      [NDJSON_MEDIA]: {
        schema: Type.String({
          description: `One Message a line, at most ${REQUEST_MESSAGES_MAX}; empty lines are passed over. A refusal names the line.`,
          examples: [`${JSON.stringify(EXAMPLE)}\n${JSON.stringify(second)}\n`],
        }),
      },
    },
  }
}

/** A body of any type; that is what the document cannot say more of. */
export const RAW_BODY = {
  content: { '*/*': { schema: Type.Unknown({ description: 'Any bytes: they are the value.', examples: ['paid'] }) } },
}

export const PublishQuery = Type.Object(
  {
    acks: Type.Optional(
      oneOf(
        ['0', '1', 'all'],
        'When to answer. all: the messages are durable. 1: they are written, not yet synced. 0: at once; what fails then is not told.',
      ),
    ),
    results: Type.Optional(Type.Literal('none', { description: 'Answer only how many.' })),
  },
  CLOSED,
)
export const RawQuery = Type.Object(
  {
    ...PublishQuery.properties,
    key: Type.Optional(Type.String({ description: 'As the header Dwell-Key.' })),
    delay: Type.Optional(DurationText('As the header Dwell-Delay.')),
    deliverAt: Type.Optional(Type.String({ description: 'As the header Dwell-Deliver-At.', format: 'date-time' })),
    id: Type.Optional({ ...MessageId, description: 'As the header Dwell-Id.' }),
  },
  CLOSED,
)
const TRACE = {
  traceparent: Type.Optional(
    Type.String({
      description: 'Of W3C Trace Context: kept among the headers of each message, unless it has its own.',
    }),
  ),
  tracestate: Type.Optional(Type.String({ description: 'Beside traceparent.' })),
}
export const PublishHeaders = Type.Object(TRACE)
export const RawHeaders = Type.Object({
  'Dwell-Key': Type.Optional(Key),
  'Dwell-Delay': Type.Optional(DurationText('How long the message is kept back; not beside Dwell-Deliver-At.')),
  'Dwell-Deliver-At': Type.Optional(
    Type.String({ description: 'When the message is published; not beside Dwell-Delay.', format: 'date-time' }),
  ),
  'Dwell-Id': Type.Optional(MessageId),
  ...TRACE,
})

const PublishResult = Type.Object(
  {
    id: Type.Optional(Type.String({ description: 'The one that was given, or the one that a delayed message got.' })),
    topic: Type.String({ description: 'Where it was published, or will be.' }),
    partition: Type.Optional(Offset('Where it was published.')),
    offset: Type.Optional(Offset('Where it was published.')),
    dueAt: Type.Optional(At('When it will be published.')),
    dueAtMs: Type.Optional(AtMs('When it will be published')),
    duplicate: Type.Optional(
      Type.Literal(true, { description: 'The id is known: nothing was published, this is the first result.' }),
    ),
    state: Type.Optional(
      Type.Literal('cancelled', { description: 'Of a duplicate whose message was cancelled: it will not come.' }),
    ),
  },
  {
    title: 'PublishResult',
    description: 'Of a message that was published at once its place; of one that waits its id and when it is due.',
  },
)
const PublishResults = Type.Object(
  { results: Type.Array(PublishResult, { description: 'One for each message, in order.' }) },
  { title: 'PublishResults', description: 'What became of each message.' },
)
const PublishCount = Type.Object(
  { count: Type.Integer({ minimum: 1, description: 'How many messages were taken.' }) },
  { title: 'PublishCount', description: 'With results=none or acks=0.' },
)
export const Published = Type.Union([PublishResults, PublishCount], {
  description: 'Published, or kept until they are due.',
  examples: [
    {
      results: [
        { id: 'order-17-reminder', topic: 'orders', dueAt: '2026-11-20T10:00:30.000Z', dueAtMs: 1_795_168_830_000 },
        { topic: 'orders', partition: 2, offset: 41 },
      ],
    },
    { count: 2 },
  ],
})
