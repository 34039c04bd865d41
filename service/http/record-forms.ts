// What a record looks like in answers: the members that all of them have, and those of its tries.

import { Type } from 'typebox'
import { At, Count } from './schemas.ts'

/** The members that service/http/record-json.ts writes. */
export const RecordMembers = {
  key: Type.Optional(Type.Union([Type.String(), Type.Null()], { description: 'Its key; null when it has none.' })),
  keyBase64: Type.Optional(Type.String({ description: 'Instead of key: one that is no UTF-8.' })),
  value: Type.Optional(
    Type.Unknown({ description: 'As it was published; null when it has none, as the tombstone of a compacted topic.' }),
  ),
  valueBase64: Type.Optional(Type.String({ description: 'Instead of value: published so, or no UTF-8.' })),
  headers: Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()]), {
    description: 'Text to text. null: of a record that another program wrote with a header without a value.',
  }),
  id: Type.Optional(Type.String({ description: 'The id it was published with, or got.' })),
}

export const Attempt = Type.Object(
  {
    at: At('When it failed.'),
    cause: Type.String({ description: 'CLIENT_RELEASE, CLIENT_REJECT or LOCK_EXPIRED.' }),
    reason: Type.String({ description: 'What the consumer said; empty when it said nothing.' }),
  },
  { title: 'Attempt', description: 'A try that failed.' },
)
export const Attempts = Type.Array(Attempt, { description: 'The tries so far, oldest first.' })
export const AttemptsDropped = Type.Optional(Count('How many earlier tries are not listed any more.'))
