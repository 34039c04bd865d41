// The document of the interface, /openapi.json, as it leaves what @fastify/swagger makes of the routes:
//
//   - a schema with a title becomes a component, named once, referred to everywhere;
//   - limits that are checked by hand stand beside those that are compiled (schemas.ts, byHand());
//   - every error that a route may answer stands at its status, with its code, out of the one table (service/errors.ts).
//
// Derived, and made once, when it is first asked for. test/openapi holds it: complete, frozen, true, and kept to.

import { STATUS_CODES } from 'node:http'
import program from 'dwell/package.json' with { type: 'json' }
import { ADVICE } from '../error-advice/index.ts'
import { ERRORS, type ErrorCode } from '../errors.ts'
import { PROBLEM_MEDIA, Problem } from './problem-schema.ts'
import { problemDocument } from './problems.ts'
import { errorsOf } from './route-errors.ts'
import { BY_HAND, HERE, OPTIONAL_BODY } from './schemas.ts'

type Json = Record<string, unknown>
const CODES = Object.keys(ERRORS) as ErrorCode[]

interface OpenApiDocument {
  components: Json
  paths: Record<string, Record<string, Operation>>
}

interface Operation {
  parameters?: { name: string; in: string; schema: Json; description?: string }[]
  requestBody?: { required: boolean; description?: string; content: Record<string, Json> }
  responses: Record<string, Json>
  security?: Json[]
  'x-errors'?: readonly ErrorCode[]
}

export const INFO = {
  title: 'Dwell',
  version: program.version,
  description:
    'A delay, retry and dead-letter queue service. Fields that are not known are refused, in bodies and in queries. Answers ' +
    'may get new fields, and new words where a field is one of several: a client passes over what it does not know. A ' +
    'request may have an id of its own, X-Request-Id, which the log and answers that say what is wrong repeat.',
  license: { name: program.license, identifier: program.license },
}
export const BEARER = {
  type: 'http',
  scheme: 'bearer',
  description:
    'A token of the service or a web token (JWT). Needed where tokens are configured, except where `security` is empty; ' +
    '`x-rights` says of which rights a token needs one.',
} as const
export const TAGS = [
  { name: 'Publish', description: 'Messages go in, at once or with a delay.' },
  { name: 'Delayed messages', description: 'What waits: looked up, listed, moved, cancelled, dispatched.' },
  { name: 'Topics', description: 'Topics, and what lies in them.' },
  { name: 'Consume', description: 'Groups: records are acquired under a lock and acknowledged.' },
  { name: 'Explain', description: 'Where a message is, and why not yet.' },
  { name: 'Dead letters', description: 'What failed in all tiers or was rejected: looked at, given back, removed.' },
  { name: 'Operations', description: 'For those who run the service.' },
]

const HEADERS = {
  'X-Request-Id': {
    description: 'The id of the request, the one that the client sent or one of ours, as in the log.',
    schema: { type: 'string' },
  },
  'Retry-After': { description: 'In how many seconds to try again.', schema: { type: 'integer', minimum: 1 } },
  'WWW-Authenticate': { description: 'Says that a bearer token is asked for.', schema: { type: 'string' } },
}

/** Finishes what @fastify/swagger made: its `transformObject`. */
export function finishDocument(made: object): object {
  const { openapiObject } = made as { openapiObject: OpenApiDocument }
  const document = structuredClone(openapiObject)
  const components = new Components()
  const problems = new ProblemAnswers()
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      finishOperation(operation, components)
      problems.add(operation, errorsAt(path, method, operation))
    }
  }
  components.named(structuredClone<object>(Problem) as Json)
  const { responses, examples } = problems
  Object.assign(document.components, { schemas: components.sorted(), responses, headers: HEADERS, examples })
  return document
}

function finishOperation(operation: Operation, components: Components): void {
  for (const parameter of operation.parameters ?? []) {
    const { [HERE]: description, ...schema } = parameter.schema
    if (description !== undefined) parameter.description = description as string
    // A parameter says what it is by itself.
    parameter.schema = components.finished({ ...schema, title: undefined })
  }
  const { requestBody } = operation
  if (requestBody !== undefined) {
    if (OPTIONAL_BODY in operation) requestBody.required = false
    // It stands at the schema.
    delete requestBody.description
    finishContent(requestBody.content, components)
  }
  delete (operation as unknown as Json)[OPTIONAL_BODY]
  for (const { content } of Object.values(operation.responses)) {
    if (content !== undefined) finishContent(content as Record<string, Json>, components)
  }
}

function finishContent(content: Record<string, Json>, components: Components): void {
  for (const media of Object.values(content)) media.schema = components.finished(media.schema as Json)
}

function errorsAt(path: string, method: string, operation: Operation): ErrorCode[] {
  const kind = {
    method,
    params: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
    hasToken: (operation.security ?? []).length > 0,
    bodyTypes: Object.keys(operation.requestBody?.content ?? {}),
  }
  return errorsOf(kind, operation['x-errors'] ?? [])
}

/** A status that is also an answer of the route's own, as 503 of /readyz is, has both. */
function mergedAnswer(own: Json, problem: Json): Json {
  return {
    description: `${own.description} Or a problem: ${problem.description}`,
    headers: { ...(own.headers as Json), ...(problem.headers as Json) },
    content: { ...(own.content as Json), ...(problem.content as Json) },
  }
}

/** The answers that are problems: one for each status and what may be wrong there. */
class ProblemAnswers {
  readonly #named = new Map<string, { name: string; answer: Json }>()
  readonly #used = new Set<ErrorCode>()

  add(operation: Operation, codes: readonly ErrorCode[]): void {
    for (const code of codes) this.#used.add(code)
    const byStatus = Object.groupBy(codes, (code) => ERRORS[code].status)
    for (const [status, ofStatus] of Object.entries(byStatus)) {
      const own = operation.responses[status]
      const { name, answer } = this.#answer(Number(status), ofStatus as ErrorCode[])
      operation.responses[status] = own === undefined ? reference('responses', name) : mergedAnswer(own, answer)
    }
  }

  get responses(): Json {
    return Object.fromEntries([...this.#named.values()].map(({ name, answer }) => [name, answer]).sort())
  }

  get examples(): Json {
    const used = CODES.filter((code) => this.#used.has(code))
    return Object.fromEntries(used.map((code) => [code, { value: problemExample(code) }]))
  }

  #answer(status: number, codes: readonly ErrorCode[]): { name: string; answer: Json } {
    const key = codes.join()
    const known = this.#named.get(key)
    if (known !== undefined) return known
    const phrase = String(STATUS_CODES[status]).replaceAll(' ', '')
    const before = [...this.#named.values()].filter(({ name }) => name.replace(/\d+$/, '') === phrase).length
    const named = { name: before === 0 ? phrase : `${phrase}${before + 1}`, answer: problemAnswer(status, codes) }
    this.#named.set(key, named)
    return named
  }
}

function problemAnswer(status: number, codes: readonly ErrorCode[]): Json {
  const names = ['X-Request-Id']
  if (status === 429 || status === 503) names.push('Retry-After')
  if (status === 401) names.push('WWW-Authenticate')
  const code = { type: 'string', enum: codes }
  const narrowed = { type: 'object', properties: { status: { type: 'integer', const: status }, code } }
  return {
    description: codes.map((code) => `${code}: ${ERRORS[code].title}.`).join(' '),
    headers: Object.fromEntries(names.map((name) => [name, reference('headers', name)])),
    content: {
      [PROBLEM_MEDIA]: {
        schema: { allOf: [reference('schemas', 'Problem'), narrowed] },
        examples: Object.fromEntries(codes.map((code) => [code, reference('examples', code)])),
      },
    },
  }
}

function problemExample(code: ErrorCode): Json {
  const { detail, ...facts } = ADVICE[code].example
  return JSON.parse(problemDocument(code, detail, facts))
}

function reference(kind: 'schemas' | 'responses' | 'headers' | 'examples', name: string): Json {
  return { $ref: `#/components/${kind}/${name}` }
}

/** The schemas that have names. */
class Components {
  readonly #named = new Map<string, Json>()

  /** `schema` with what is named in it referred to, and with the limits that are checked by hand. */
  finished(schema: Json): Json {
    const { [BY_HAND]: limits, [HERE]: description, ...rest } = schema
    const finished = this.#withParts({ ...rest, ...(limits as Json | undefined) })
    if (typeof finished.title === 'string') {
      const named = this.named(finished)
      return description === undefined ? named : { ...named, description }
    }
    return description === undefined ? finished : { ...finished, description }
  }

  /** Keeps a finished schema under its title; answers what refers to it. Its examples stand where it is a body. */
  named({ title, examples, ...schema }: Json): Json {
    const name = title as string
    const known = this.#named.get(name)
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema))
      throw new Error(`Two schemas have the name ${name}: ${JSON.stringify(known)} and ${JSON.stringify(schema)}`)
    this.#named.set(name, schema)
    return reference('schemas', name)
  }

  sorted(): Json {
    return Object.fromEntries([...this.#named].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  #withParts(schema: Json): Json {
    const { properties, additionalProperties, items, anyOf } = schema
    const finished = { ...schema }
    if (isSchema(properties)) {
      finished.properties = Object.fromEntries(
        Object.entries(properties).map(([name, part]) => [name, this.finished(part as Json)]),
      )
    }
    if (isSchema(additionalProperties)) finished.additionalProperties = this.finished(additionalProperties)
    if (isSchema(items)) finished.items = this.finished(items)
    if (Array.isArray(anyOf)) this.#addChoice(finished, anyOf)
    return finished
  }

  /** A choice of words is one list of them. */
  #addChoice(schema: Json, choice: readonly Json[]): void {
    const words = choice.map(({ const: word, enum: list }) => word ?? (list as unknown[] | undefined)?.[0])
    if (words.every((word) => typeof word === 'string') && choice.every((part) => Object.keys(part).length <= 2)) {
      delete schema.anyOf
      Object.assign(schema, { type: 'string', enum: words })
    } else schema.anyOf = choice.map((part) => this.finished(part))
  }
}

function isSchema(value: unknown): value is Json {
  return typeof value === 'object' && value !== null
}
