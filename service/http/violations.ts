// What a body, a query or a path does not keep of its schema, told so that who sent it can mend it: the field, and all that
// may stand there.
//
// A schema of alternatives is broken in as many ways as it has alternatives. The violation that lies deepest is of the
// alternative that was meant: `{"retry": {"first": "1s", "factor": 0}}` is an object with a wrong factor, not a bad list.
//
// Values are not repeated: a field may hold a secret.

import type { FastifyRequest } from 'fastify'
import { DwellError } from '../../storage/index.ts'
import { invalidField, unknownField } from '../publish/message.ts'
import { type Schema, wantedOf } from './schema-words.ts'

export type RequestPart = 'body' | 'querystring' | 'params' | 'headers'

/** As the validator tells it. */
export interface Violation {
  keyword: string
  /** Where in the schema: `#/properties/retry/anyOf/1`. */
  schemaPath: string
  /** Where in what was given: `/retry/factor`, empty for all of it. */
  instancePath: string
  params: Record<string, unknown>
}

/** Of violations of `part` of a request, the one worth telling. */
export function violationError(
  violations: readonly Violation[],
  part: RequestPart,
  request: Pick<FastifyRequest, 'body' | 'query' | 'routeOptions'>,
): DwellError {
  if (part === 'body' && request.body === undefined) return emptyBody()
  const schema = (request.routeOptions.schema?.[part] ?? {}) as Schema
  const where = part === 'querystring' ? 'query' : part === 'params' ? 'path' : part
  const unknown = violations.find(({ keyword }) => keyword === 'additionalProperties')
  if (unknown !== undefined) {
    const [name] = unknown.params.additionalProperties as string[]
    const known = Object.keys(schemaAt(schema, unknown.schemaPath).properties ?? {})
    return unknownField(fieldAt(unknown.instancePath, name), known, where)
  }
  const missing = violations.find(({ keyword }) => keyword === 'required')
  if (missing !== undefined) {
    const [name] = missing.params.requiredProperties as string[]
    const field = fieldAt(missing.instancePath, name)
    const wanted = wantedOf(schemaAt(schema, missing.schemaPath).properties?.[name] ?? {})
    return new DwellError('MISSING_FIELD', `The field ${field} is missing in the ${where}; it must be ${wanted}.`, {
      field,
    })
  }
  const { instancePath, schemaPath } = deepest(violations)
  const field = fieldAt(instancePath)
  if (field === '') {
    return new DwellError('INVALID_FIELD', `The ${where} must be ${wantedOf(schema)}.`, { field: where })
  }
  if (part === 'querystring' && Array.isArray((request.query as Record<string, unknown>)[field])) {
    return invalidField(field, 'given once')
  }
  return invalidField(field, wantedOf(schemaAt(schema, schemaPath)))
}

/** What all routes say that need a body and get none, whether it is absent or has no bytes. */
export function emptyBody(): DwellError {
  return new DwellError('INVALID_JSON', 'The body is empty; it must be JSON, {} at least.')
}

/** The one that is furthest inside of what was given; of several there the one that speaks of all alternatives. */
function deepest(violations: readonly Violation[]): Violation {
  return violations.reduce((best, other) => {
    const deeper = depthOf(other.instancePath) - depthOf(best.instancePath)
    if (deeper !== 0) return deeper > 0 ? other : best
    return other.schemaPath.length < best.schemaPath.length ? other : best
  })
}

function depthOf(path: string): number {
  return path.split('/').length
}

/** `/retry/0` is `retry.0`; a name that came from outside is cut by who shows it. */
function fieldAt(instancePath: string, name?: string): string {
  const names = instancePath.split('/').slice(1)
  if (name !== undefined) names.push(name)
  return names
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.')
    .slice(0, 200)
}

function schemaAt(schema: Schema, schemaPath: string): Schema {
  let at: unknown = schema
  for (const step of schemaPath.split('/').slice(1)) at = (at as Record<string, unknown> | undefined)?.[step]
  return (at ?? {}) as Schema
}
