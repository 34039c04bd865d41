// What a JSON schema lets pass, said in words: in refusals, and on the pages that show the interface.

import { DURATION_FORMS } from '../duration.ts'
import { TIME_FORMS } from '../time.ts'

/** As much of one as is used here. */
export interface Schema {
  $ref?: string
  type?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  required?: string[]
  description?: string
  default?: unknown
  pattern?: string
  minimum?: number
  maximum?: number
  multipleOf?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
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
