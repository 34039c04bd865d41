// /docs: all routes on one page, out of the document of the interface.

import type { ErrorCode } from '../../errors.ts'
import { curlOf } from './curl.ts'
import { type Html, html, prose } from './html.ts'
import { page } from './layout.ts'
import {
  exampleOf,
  type OpenApiDocument,
  type Parameter,
  type RequestBody,
  type Route,
  routesOf,
  takesNothing,
} from './openapi-document.ts'
import { fieldsOf, kindOf, rowsTable } from './shapes.ts'

export interface InterfacePageOptions {
  /** The service asks for tokens. */
  withToken: boolean
}

export function interfacePage(document: OpenApiDocument, { withToken }: InterfacePageOptions): string {
  const { info, tags } = document
  const routes = routesOf(document)
  const everywhere = codesOfAll(routes)
  const sections = tags.map((tag) => ({
    ...tag,
    routes: routes.filter(({ operation }) => operation.tags[0] === tag.name),
  }))
  const shapes = Object.entries(document.components.schemas)
  return page({
    title: `${info.title}: the HTTP interface`,
    summary: 'Every route of the service: what it takes, what it answers, how to call it.',
    contents: [
      ...sections.map(({ name, routes }) => ({
        title: name,
        href: `#${anchorOf(name)}`,
        entries: routes.map((route) => ({ label: labelOf(route), href: `#${route.operation.operationId}` })),
      })),
      {
        title: 'Shapes',
        href: '#shapes',
        entries: shapes.map(([name]) => ({ label: html`${name}`, href: `#shape-${name}` })),
      },
    ],
    body: html`<h1>The HTTP interface</h1>
<p>${info.title} ${info.version}. ${prose(info.description)}</p>
<p>JSON in and out, UTF-8. What goes wrong is answered with a <a href="#shape-Problem">problem document</a>, whose <code>code</code>
is explained <a href="/docs/errors">on a page of its own</a>. Durations are milliseconds or text such as <code>"1h30m"</code>, times are
RFC 3339 or epoch milliseconds. ${
      withToken
        ? html`This service asks for tokens: send <code>Authorization: Bearer …</code> with one that has a right which the route names.`
        : html`This service asks nobody for a token; the rights that routes name are those that a token would need.`
    }</p>
<p>The same for programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
<p>Any route may refuse with ${codeLinks(everywhere)}; that is not said again below.</p>
${sections.map(
  ({ name, description, routes }) => html`<section id="${anchorOf(name)}">
<h2>${name}</h2>
<p>${prose(description)}</p>
${routes.map((route) => routeSection(route, everywhere, withToken))}
</section>`,
)}
<section id="shapes"><h2>Shapes</h2>
<p>What bodies and answers are made of.</p>
${shapes.map(
  ([name, schema]) => html`<section class="shape" id="shape-${name}"><h3>${name}</h3>
<p>${prose(schema.description ?? '')}</p>${fieldsOf(schema)}</section>`,
)}
</section>`,
  })
}

function routeSection(route: Route, everywhere: ReadonlySet<ErrorCode>, withToken: boolean): Html {
  const { operation, answers, codes } = route
  const { operationId, summary, description, parameters = [], requestBody } = operation
  const rows = [...parameters].sort((a, b) => PLACES.indexOf(a.in) - PLACES.indexOf(b.in)).map(rowOf)
  const own = [...codes].filter((code) => !everywhere.has(code))
  return html`<article id="${operationId}">
<h3><a class="anchor" href="#${operationId}">${labelOf(route)}</a></h3>
<p><strong>${summary}.</strong> ${prose(description ?? '')}</p>
<p class="rights">${rightsOf(operation['x-rights'])}</p>
${rowsTable(rows)}
${requestBody === undefined ? '' : bodyOf(requestBody)}
<pre><code>${curlOf(route, withToken)}</code></pre>
${answers.map(({ status, answer }) => {
  const [type, media] = Object.entries(answer.content ?? {})[0] ?? []
  const example = media === undefined ? undefined : exampleOf(media)
  return html`<p><span class="status">${status}</span> ${prose(answer.description)} ${
    media === undefined
      ? ''
      : html`<span class="quiet">${type === 'application/json' ? kindOf(media.schema) : type}</span>`
  }</p>${example === undefined ? '' : html`<pre><code>${shownJson(example)}</code></pre>`}`
})}
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

function bodyOf({ required, content }: RequestBody): Html[] {
  return Object.entries(content)
    .filter(([, { schema }]) => !takesNothing(schema))
    .map(([type, { schema }]) => {
      const text = schema.$ref === undefined ? (schema.description ?? '') : ''
      return html`<p>Body, <code>${type}</code>${required ? '' : ', may be left out'}: ${kindOf(schema)}. ${prose(text)}</p>`
    })
}

function labelOf({ method, path }: Pick<Route, 'method' | 'path'>): Html {
  return html`<span class="method ${method.toLowerCase()}">${method}</span> <span class="path">${breakable(path)}</span>`
}

/** A path may be broken behind its slashes, which a phone needs. */
function breakable(path: string): Html[] {
  return path.split('/').map((part, i) => (i === 0 ? html`${part}` : html`/<wbr>${part}`))
}

function rightsOf(rights: readonly string[] | undefined): string {
  return rights === undefined ? 'Needs no token.' : `Needs the right ${rights.join(' or ')}.`
}

/** The codes that every route may answer that asks for a right. */
function codesOfAll(routes: readonly Route[]): Set<ErrorCode> {
  const asking = routes.filter(({ operation }) => operation['x-rights'] !== undefined)
  return new Set([...(asking[0]?.codes ?? [])].filter((code) => asking.every(({ codes }) => codes.has(code))))
}

function codeLinks(codes: Iterable<ErrorCode>): Html[] {
  return [...codes].map(
    (code, i) => html`${i === 0 ? '' : ', '}<a href="/docs/errors/${code}"><code>${code}</code></a>`,
  )
}

function anchorOf(tag: string): string {
  return tag.toLowerCase().replaceAll(' ', '-')
}

function shownJson(example: unknown): string {
  return typeof example === 'string' ? example : JSON.stringify(example, undefined, 2)
}
