// The document of the interface as the pages read it: what @fastify/swagger made and openapi.ts finished, and nothing else.

import type { ErrorCode } from '../../errors.ts'
import { PROBLEM_MEDIA } from '../problem-schema.ts'
import type { Schema } from '../schema-words.ts'

interface Media {
  schema: Schema
  example?: unknown
  examples?: Record<string, { value: unknown }>
}

export interface Answer {
  $ref?: string
  description: string
  content?: Record<string, Media>
}

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  description?: string
  schema: Schema
  example?: unknown
}

export interface RequestBody {
  required: boolean
  content: Record<string, Media>
}

export interface Operation {
  operationId: string
  summary: string
  description?: string
  tags: string[]
  parameters?: Parameter[]
  requestBody?: RequestBody
  responses: Record<string, Answer>
  security?: object[]
  'x-rights'?: string[]
}

export interface OpenApiDocument {
  info: { title: string; version: string; description: string }
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; responses: Record<string, Answer> }
}

/** One route, with all that the document says of it. */
export interface Route {
  method: string
  path: string
  operation: Operation
  /** What it answers when all is well, by status. */
  answers: readonly { status: string; answer: Answer }[]
  /** The codes that it may refuse with. */
  codes: ReadonlySet<ErrorCode>
}

/** All routes, as they stand in the document. */
export function routesOf({ paths, components }: OpenApiDocument): Route[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      const answers = Object.entries(operation.responses).map(([status, given]) => {
        const answer = given.$ref === undefined ? given : components.responses[nameIn(given.$ref)]
        return { status, answer }
      })
      const codes = answers.flatMap(({ answer }) => Object.keys(answer.content?.[PROBLEM_MEDIA]?.examples ?? {}))
      return {
        method: method.toUpperCase(),
        path,
        operation,
        answers: answers.filter(({ status }) => status < '400'),
        codes: new Set(codes) as Set<ErrorCode>,
      }
    }),
  )
}

/** An object in which no field is known: a body that need not be there. */
export function takesNothing({ type, properties = {}, additionalProperties }: Schema): boolean {
  return type === 'object' && additionalProperties === false && Object.keys(properties).length === 0
}

/** The name of what a reference refers to. */
export function nameIn(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1)
}

/** The first example of a body or an answer; undefined when there is none. */
export function exampleOf({ example, examples = {} }: Media): unknown {
  return example ?? Object.values(examples)[0]?.value
}
