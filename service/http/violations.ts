// What a body, a query or a path does not keep of its schema, told so that who sent it can mend it: the field, and all that
// may stand there.
//
// A schema of alternatives is broken in as many ways as it has alternatives. The violation that lies deepest is of the
// alternative that was meant: `{"retry": {"first": "1s", "factor": 0}}` is an object with a wrong factor, not a bad list.
//
// Values are not repeated: a field may hold a secret.

import type { FastifyRequest } from 'fastify'
import { DwellError } from '../../storage/index.ts'
import { DURATION_FORMS } from '../duration.ts'
import { invalidField, unknownField } from '../publish/message.ts'
import { TIME_FORMS } from '../time.ts'

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

interface Schema {
  type?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  description?: string
  pattern?: string
  minimum?: number
  maximum?: number
  multipleOf?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
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

/** What a schema lets pass, in words that fit behind "must be". */
export function wantedOf(schema: Schema): string {
  if (schema.description?.includes(DURATION_FORMS)) return `a duration: ${DURATION_FORMS}`
  if (schema.description?.includes(TIME_FORMS)) return `a time: ${TIME_FORMS}`
  if (schema.anyOf !== undefined) return oneOf(schema.anyOf.map(wantedOf))
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return oneOf(schema.enum.map((value) => JSON.stringify(value)))
  switch (schema.type) {
    case 'integer':
    case 'number':
      return numberWanted(schema)
    case 'string':
      return textWanted(schema)
    case 'array':
      return `a list${counted(schema.minItems, schema.maxItems, 'elements')}`
    case 'object':
      return objectWanted(schema)
    case 'boolean':
      return 'true or false'
    case 'null':
      return 'null'
    default:
      return 'any JSON'
  }
}

function oneOf(alternatives: readonly string[]): string {
  // What is long comes last, or nobody sees where it ends.
  const [last, ...others] = [...new Set(alternatives)].sort((a, b) => a.length - b.length).reverse()
  return others.length === 0 ? last : `${others.reverse().join(', ')} or ${last}`
}

function numberWanted({ type, multipleOf, minimum, maximum }: Schema): string {
  const what = type === 'integer' || multipleOf === 1 ? 'a whole number' : 'a number'
  if (minimum === undefined) return maximum === undefined ? what : `${what} up to ${maximum}`
  return maximum === undefined ? `${what} from ${minimum}` : `${what} from ${minimum} to ${maximum}`
}

function textWanted({ pattern, minLength, maxLength }: Schema): string {
  if (pattern?.startsWith('^[0-9]')) return 'a whole number from 0'
  return pattern === undefined ? `text${counted(minLength, maxLength, 'characters')}` : `text that matches ${pattern}`
}

function objectWanted({ properties = {}, required = [] }: Schema): string {
  return required.length > 0 && Object.keys(properties).length > 0
    ? `an object with ${required.join(', ')}`
    : 'an object'
}

function counted(min: number | undefined, max: number | undefined, what: string): string {
  if (max === undefined) return min === undefined ? '' : ` of at least ${min} ${what}`
  return min === undefined ? ` of at most ${max} ${what}` : ` of ${min} to ${max} ${what}`
}
