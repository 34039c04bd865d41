// What several resources say in their schemas. From these comes /openapi.json.

import { type Static, Type } from 'typebox'
import { DURATION_FORMS } from '../duration.ts'
import { NAME_LENGTH_MAX } from '../names.ts'
import { formatTime, TIME_FORMS } from '../time.ts'

export const CLOSED = { additionalProperties: false } as const

/** Checked by service/duration.ts, whose refusal names the accepted forms. */
export const Duration = Type.Union([Type.Number(), Type.String()], { description: `A duration: ${DURATION_FORMS}.` })
export const Time = Type.Union([Type.Number(), Type.String()], { description: `A time: ${TIME_FORMS}.` })

// Names are checked by service/names.ts: one refusal, INVALID_NAME, wherever a name stands.
const Topic = Type.String({ description: `1 to ${NAME_LENGTH_MAX} of a-z A-Z 0-9 . _ -` })
export const TopicPath = Type.Object({ topic: Topic })
export const GroupPath = Type.Object({ topic: Topic, group: Topic })
export const NoQuery = Type.Object({}, CLOSED)
export const NoBody = Type.Object({}, CLOSED)
/** For routes whose body says nothing that must be said. */
export const bodyMayBeMissing = {
  preValidation: async (request: { body: unknown }) => {
    request.body ??= {}
  },
}

/** How many a second: of pushes, of a redrive. */
export const RATE_MIN = 0.001
export const RATE_MAX = 1_000_000

/** A number of things in a query. Not Type.Integer: a query is converted before it is checked, and 1.5 would become 1. */
export function QueryCount(options: { maximum: number; default: number; description?: string }) {
  return Type.Optional(Type.Number({ minimum: 1, multipleOf: 1, ...options }))
}

export const TextMap = Type.Record(Type.String(), Type.String())

/** Since when a group, or its endpoint, is paused, and why. */
export const Pause = Type.Object({ since: Type.String({ format: 'date-time' }), reason: Type.String() })

export function pauseJson({ sinceMs, reason }: { sinceMs: number; reason: string }): Static<typeof Pause> {
  return { since: formatTime(sinceMs), reason }
}

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'Where this code is explained.' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable; the same mistake always has the same code.' }),
    detail: Type.String({ description: 'What is wrong and what would be right, in a sentence.' }),
  },
  { description: 'An error (RFC 9457). Further members help: limit, field, line, index.' },
)

/** Every route may answer with a problem document. */
export function answers<T extends Record<string, unknown>>(documented: T): { response: T } {
  const problem = { description: 'A problem document', content: { 'application/problem+json': { schema: Problem } } }
  return { response: { ...documented, '4xx': problem, '5xx': problem } }
}
