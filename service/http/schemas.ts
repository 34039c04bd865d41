// What several resources say in their schemas. From these comes /openapi.json (openapi.ts).
//
// A schema with a `title` becomes a component of that name, so a title names one schema only. What is checked by hand, so that
// its refusal can name the accepted forms, stands in byHand(): it is documented, and nothing is compiled from it.

import { type Static, type TSchema, Type } from 'typebox'
import { DURATION_FORMS, DURATION_MS_MAX, DURATION_PATTERN } from '../duration.ts'
import type { ErrorCode } from '../errors.ts'
import { checkName, NAME_LENGTH_MAX, NAME_PATTERN, TOPIC_LENGTH_MAX } from '../names.ts'
import { formatTime, TIME_FORMS, TIME_MS_MAX } from '../time.ts'

export const CLOSED = { additionalProperties: false } as const

/** What the document says of a schema beside what is compiled from it. */
export const BY_HAND = 'x-by-hand'
export function byHand(limits: Record<string, unknown>): Record<string, unknown> {
  return { [BY_HAND]: limits }
}

/** What a schema that has a title means in this place. */
export const HERE = 'x-here'
export function here<T extends TSchema>(schema: T, description: string): T {
  return { ...schema, [HERE]: description }
}

/** An answer that has a schema with a title, and a meaning of its own. */
export function answered<T extends TSchema>(schema: T, description: string): T {
  return { ...schema, 'x-response-description': description }
}

/** Checked by service/duration.ts, whose refusal names the accepted forms. */
export const Duration = Type.Union(
  [
    Type.Number({ ...byHand({ minimum: 0, maximum: DURATION_MS_MAX }), description: 'Milliseconds.' }),
    Type.String({ ...byHand({ pattern: DURATION_PATTERN, maxLength: 64 }), examples: ['5s', '1h30m', 'PT5M'] }),
  ],
  { title: 'Duration', description: `A duration: ${DURATION_FORMS}.` },
)
export const Time = Type.Union(
  [
    Type.Number({ ...byHand({ minimum: 0, maximum: TIME_MS_MAX }), description: 'Epoch milliseconds.' }),
    Type.String({ ...byHand({ format: 'date-time' }), examples: ['2026-11-20T10:00:00Z'] }),
  ],
  { title: 'Time', description: `A time: ${TIME_FORMS}.` },
)
/** In a query everything is text. */
export const DurationText = (description: string) =>
  Type.String({ description, ...byHand({ pattern: `^[0-9]{1,15}$|${DURATION_PATTERN}`, maxLength: 64 }) })

// Names are checked by service/names.ts: one refusal, INVALID_NAME, wherever a name stands.
const name = (what: string, maxLength: number, example: string) =>
  Type.String({
    description: `The name of the ${what}: 1 to ${NAME_LENGTH_MAX} of a-z A-Z 0-9 . _ -, not . or .., not beginning with __.`,
    ...byHand({ pattern: NAME_PATTERN, minLength: 1, maxLength }),
    examples: [example],
  })
export const TopicName = name('topic', TOPIC_LENGTH_MAX, 'orders')
export const GroupName = name('group', NAME_LENGTH_MAX, 'billing')
export const TopicPath = Type.Object({ topic: TopicName })
export const GroupPath = Type.Object({ topic: TopicName, group: GroupName })
/** @throws INVALID_NAME */
export function namesOf({ topic, group }: { topic: string; group: string }): { topic: string; group: string } {
  return { topic: checkName(topic, 'topic'), group: checkName(group, 'group') }
}

export const NoQuery = Type.Object({}, CLOSED)
export const NoBody = Type.Object({}, CLOSED)

export const OPTIONAL_BODY = 'x-optional-body'
/** In the schema of a route whose body says nothing that must be said; `bodyMayBeMissing` goes beside the schema. */
export function optionalBody<T extends TSchema>(body: T): { body: T } {
  return { body, [OPTIONAL_BODY]: true } as { body: T }
}
export const bodyMayBeMissing = {
  preValidation: (request: { body: unknown }, _reply: unknown, done: () => void) => {
    // Not `??=`: null is a body, and a wrong one.
    if (request.body === undefined) request.body = {}
    done()
  },
}

/** How many a second: of pushes, of a redrive. */
export const RATE_MIN = 0.001
export const RATE_MAX = 1_000_000

/** A number of things in a query. Not Type.Integer: a query is converted before it is checked, and 1.5 would become 1. */
export function QueryCount(options: { maximum: number; default?: number; minimum?: number; description: string }) {
  return Type.Optional(Type.Number({ minimum: 1, multipleOf: 1, ...options, ...byHand({ type: 'integer' }) }))
}

export const Offset = (description: string) => Type.Integer({ minimum: 0, description })
export const Count = (description: string) => Type.Integer({ minimum: 0, description })
export const At = (description: string) =>
  Type.String({ format: 'date-time', description, examples: ['2026-11-20T10:00:00.000Z'] })
/** The same, for machines. */
export const AtMs = (of: string) => Type.Integer({ minimum: 0, description: `${of}, in epoch milliseconds.` })
export function oneOf<T extends string>(words: readonly T[], description: string) {
  const choice = words.map((word) => Type.Literal(word))
  return Type.Unsafe<T>(Type.Union(choice, { description }))
}

export const TextMap = (description: string) => Type.Record(Type.String(), Type.String(), { description })

/** Since when a group, or its endpoint, is paused, and why. */
export const Pause = Type.Object(
  { since: At('Since when.'), reason: Type.String({ description: 'Why; empty when nobody said.' }) },
  { title: 'Pause', description: 'Since when nothing is handed out, and why.' },
)

export function pauseJson({ sinceMs, reason }: { sinceMs: number; reason: string }): Static<typeof Pause> {
  return { since: formatTime(sinceMs), reason }
}

/** The answers of a route when all is well, by status; and the codes of its own that it may refuse with. */
export function answers<T extends Record<string, unknown>>(
  documented: T,
  codes: readonly ErrorCode[],
): { response: T } {
  return { response: documented, 'x-errors': codes } as { response: T }
}
