// /docs: all routes on one page, out of the document of the interface.

import type { ErrorCode } from '../../errors.ts'
import { html } from './html.ts'
import { page } from './layout.ts'
import { type OpenApiDocument, type Route, routesOf } from './openapi-document.ts'
import { prose } from './prose.ts'
import { codeLinks, labelOf, routeSection } from './route-section.ts'
import { fieldsOf } from './shapes.ts'

export interface InterfacePageOptions {
  /** The service asks for tokens. */
  withToken: boolean
}

/** The page of all routes and shapes. */
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
<details><summary>Codes with which any route may refuse, not said again below.</summary><p>${codeLinks(everywhere)}</p></details>
${sections.map(
  ({ name, description, routes }) => html`<section id="${anchorOf(name)}">
<h2>${name}</h2>
<p>${prose(description)}</p>
${routes.map((route) => routeSection(route, { everywhere, withToken, shapes: document.components.schemas }))}
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

/** The codes that every route may answer that asks for a right. */
function codesOfAll(routes: readonly Route[]): Set<ErrorCode> {
  const asking = routes.filter(({ operation }) => operation['x-rights'] !== undefined)
  return new Set([...(asking[0]?.codes ?? [])].filter((code) => asking.every(({ codes }) => codes.has(code))))
}

function anchorOf(tag: string): string {
  return tag.toLowerCase().replaceAll(' ', '-')
}
