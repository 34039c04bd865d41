// One route on /docs: what it is for, what it takes, how to call it, what it answers, what it may refuse with.

import type { ErrorCode } from '../../errors.ts'
import type { Schema } from '../schema-words.ts'
import { curlOf } from './curl.ts'
import { type Html, html } from './html.ts'
import {
  type Answer,
  exampleOf,
  nameIn,
  type Parameter,
  type RequestBody,
  type Route,
  takesNothing,
} from './openapi-document.ts'
import { codeLink, prose } from './prose.ts'
import { fieldsOf, kindOf, rowsTable } from './shapes.ts'

export interface RouteSectionOptions {
  /** Codes that are told once for all routes. */
  everywhere: ReadonlySet<ErrorCode>
  /** The service asks for tokens. */
  withToken: boolean
  shapes: Readonly<Record<string, Schema>>
}

export function routeSection(route: Route, { everywhere, withToken, shapes }: RouteSectionOptions): Html {
  const { operation, answers, codes } = route
  const { operationId, summary, description, parameters = [], requestBody } = operation
  const rows = [...parameters].sort((a, b) => PLACES.indexOf(a.in) - PLACES.indexOf(b.in)).map(rowOf)
  const own = [...codes].filter((code) => !everywhere.has(code))
  return html`<article id="${operationId}">
<h3><a class="anchor" href="#${operationId}">${labelOf(route)}</a></h3>
<p><strong>${summary}.</strong> ${prose(description ?? '')}</p>
<p class="rights">${rightsOf(operation['x-rights'])}</p>
${rowsTable(rows)}
${requestBody === undefined ? '' : bodyOf(requestBody, shapes)}
<pre><code>${curlOf(route, withToken)}</code></pre>
${answers.map(({ status, answer }, i) => answerOf(status, answer, answers[i - 1]?.answer))}
${own.length === 0 ? '' : html`<details><summary>${own.length} error codes of its own</summary><p>${codeLinks(own)}</p></details>`}
</article>`
}

const PLACES: readonly Parameter['in'][] = ['path', 'query', 'header']

function rowOf({ name, schema, required, description, in: place }: Parameter) {
  if (place === 'header') return { name: `${name}:`, schema, isRequired: required, description }
  if (place === 'query') return { name: `?${name}`, schema, isRequired: required, description }
  // How long names may be is told beside it: those that the service makes are longer.
  const { minLength: _, maxLength: __, ...plain } = schema
  return { name: `{${name}}`, schema: plain, isRequired: required, description }
}

/** The fields of a body stand with the route that takes it; of one that may be either of two, those of the first. */
function bodyOf({ required, content }: RequestBody, shapes: RouteSectionOptions['shapes']): Html[] {
  return Object.entries(content)
    .filter(([, { schema }]) => !takesNothing(schema))
    .map(([type, { schema }]) => {
      const text = schema.$ref === undefined ? (schema.description ?? '') : ''
      const reference = schema.$ref ?? schema.anyOf?.[0].$ref
      const shape = reference === undefined ? undefined : shapes[nameIn(reference)]
      return html`<p>Body, <code>${type}</code>${required ? '' : ', may be left out'}: ${kindOf(schema)}. ${prose(text)}</p>
${shape?.properties === undefined ? '' : fieldsOf(shape)}`
    })
}

/** What it answers, with an example, unless it is that of the answer before. */
function answerOf(status: string, answer: Answer, before: Answer | undefined): Html {
  const [type, media] = Object.entries(answer.content ?? {})[0] ?? []
  const example = shownExample(answer)
  return html`<p><span class="status">${status}</span> ${prose(answer.description)} ${
    media === undefined
      ? ''
      : html`<span class="quiet">${type === 'application/json' ? kindOf(media.schema) : type}</span>`
  }</p>${
    example === undefined || (before !== undefined && shownExample(before) === example)
      ? ''
      : html`<pre><code>${example}</code></pre>`
  }`
}

function shownExample({ content = {} }: Answer): string | undefined {
  const [media] = Object.values(content)
  const example = media === undefined ? undefined : exampleOf(media)
  return typeof example === 'string' || example === undefined ? example : JSON.stringify(example, undefined, 2)
}

export function labelOf({ method, path }: Pick<Route, 'method' | 'path'>): Html {
  return html`<span class="method ${method.toLowerCase()}">${method}</span> <span class="path">${breakable(path)}</span>`
}

/** A path may be broken behind its slashes, which a phone needs. */
function breakable(path: string): Html[] {
  return path.split('/').map((part, i) => (i === 0 ? html`${part}` : html`/<wbr>${part}`))
}

function rightsOf(rights: readonly string[] | undefined): string {
  return rights === undefined ? 'Needs no token.' : `Needs the right ${rights.join(' or ')}.`
}

export function codeLinks(codes: Iterable<ErrorCode>): Html[] {
  return [...codes].map((code, i) => html`${i === 0 ? '' : ', '}${codeLink(code)}`)
}
