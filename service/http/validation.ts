// Checks what comes in against the schemas of the routes. What stands in a path or in a query is text; where the schema wants a
// number, a text that is one is read first. TypeBox's own conversion takes more for one: true for 1, and 0x10 for 16.

import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'

const NUMBER = /^-?\d{1,20}(?:\.\d{1,20})?$/

export const compileValidator: FastifySchemaCompiler<TSchema> = (route) => {
  const compile = TypeBoxValidatorCompiler as FastifySchemaCompiler<TSchema>
  // Of a body nothing is converted.
  const check = compile({ ...route, httpPart: 'body' })
  const names = route.httpPart === 'body' ? [] : numbersIn(route.schema)
  return names.length === 0 ? check : (given: Record<string, unknown>) => check(withNumbers(given, names))
}

function numbersIn(schema: { properties?: Record<string, { type?: string }> }): string[] {
  const properties = Object.entries(schema.properties ?? {})
  return properties.filter(([, { type }]) => type === 'number' || type === 'integer').map(([name]) => name)
}

function withNumbers(given: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  const read = { ...given }
  for (const name of names) {
    const text = given[name]
    if (typeof text === 'string' && NUMBER.test(text)) read[name] = Number(text)
  }
  return read
}
