// Holds answers of a real server against the document: status, type, headers and body, with no field that the schema lacks.

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { Answer } from '../service/running-service.ts'
import { type OpenApi, type Response, type Route, resolved, routesOf, type Schema } from './document.ts'

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$|^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

export class Answers {
  readonly #document: OpenApi
  readonly #routes: { route: Route; pattern: RegExp }[]
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true })
  readonly #validators = new Map<Schema, ValidateFunction>()
  readonly #seen = new Set<string>()

  constructor(document: OpenApi) {
    this.#document = document
    this.#routes = routesOf(document).map((route) => {
      return { route, pattern: new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '[^/]*')}$`) }
    })
    this.#ajv.addFormat('date-time', DATE_TIME)
    this.#ajv.addFormat('binary', true)
    this.#ajv.addSchema({ $id: 'document', components: { schemas: mapped(document.components.schemas, closed) } })
  }

  /** The route that a request is for; undefined when it is for none. */
  routeOf(method: string, path: string): Route | undefined {
    const [pathname] = path.split('?')
    const fits = this.#routes.filter(({ route, pattern }) => {
      return route.method === (method === 'HEAD' ? 'GET' : method) && pattern.test(pathname)
    })
    // `/delayed` is no id of a message.
    return fits.sort((a, b) => a.route.path.split('{').length - b.route.path.split('{').length)[0]?.route
  }

  /** What is wrong with an answer, as sentences. */
  wrongWith(method: string, path: string, answer: Answer): string[] {
    const route = this.routeOf(method, path)
    if (route === undefined) return [`there is no ${method} ${path}`]
    const { status, headers } = answer
    const given = route.operation.responses[status]
    if (given === undefined) return [`${status} is not an answer of ${route.name}: ${answer.text.slice(0, 200)}`]
    const documented = resolved<Response>(this.#document, given)
    const wrong = Object.keys(documented.headers ?? {})
      .filter((name) => headers[name.toLowerCase()] === undefined)
      .map((name) => `the header ${name} is missing`)
    if (method !== 'HEAD') wrong.push(...this.#wrongBody(documented, answer))
    if (wrong.length === 0) this.#seen.add(`${route.name} ${status}`)
    return wrong.map((what) => `${route.name} ${status}: ${what}`)
  }

  /** The answers that mean success and were not seen yet: `GET /v1/topics 200`. */
  get unseen(): string[] {
    const all = this.#routes.flatMap(({ route: { name, operation } }) =>
      Object.keys(operation.responses).map((status) => `${name} ${status}`),
    )
    return all.filter((answer) => Number(answer.split(' ').at(-1)) < 400 && !this.#seen.has(answer))
  }

  /** What is wrong with a body or an example, as sentences. */
  wrongIn(schema: Schema, body: unknown): string[] {
    const validate = this.#validators.get(schema) ?? this.#ajv.compile(closed(schema))
    this.#validators.set(schema, validate)
    if (validate(body)) return []
    return (validate.errors ?? []).map(({ instancePath, message, params }) => {
      return `${instancePath} ${message} ${JSON.stringify(params)} in ${JSON.stringify(body).slice(0, 200)}`
    })
  }

  #wrongBody({ content }: Response, { headers, text, json }: Answer): string[] {
    if (content === undefined) return text === '' ? [] : ['there is a body']
    const type = String(headers['content-type']).split(';')[0]
    const media = content[type]
    if (media === undefined) return [`it is ${type}, not ${Object.keys(content).join(' or ')}`]
    return type.includes('json') ? this.wrongIn(media.schema, json) : []
  }
}

/** The schema as an answer has to keep it: with no other fields than it names, and references into the document. */
function closed(schema: Schema): Schema {
  const { $ref, properties, additionalProperties, items, anyOf, allOf, ...rest } = schema
  const copy: Schema = { ...rest }
  if ($ref !== undefined) copy.$ref = `document${$ref}`
  if (properties !== undefined) copy.properties = mapped(properties, closed)
  if (items !== undefined) copy.items = closed(items)
  if (anyOf !== undefined) copy.anyOf = anyOf.map(closed)
  // Its parts together have the fields; the first is the whole, the others narrow it.
  if (allOf !== undefined) copy.allOf = [closed(allOf[0]), ...allOf.slice(1)]
  if (typeof additionalProperties === 'object') copy.additionalProperties = closed(additionalProperties)
  else if (properties !== undefined) copy.additionalProperties = additionalProperties ?? false
  return copy
}

function mapped(schemas: Record<string, Schema>, by: (schema: Schema) => Schema): Record<string, Schema> {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, by(schema)]))
}
