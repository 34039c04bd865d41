// /docs/errors and /docs/errors/{code}: what each code means and what to do, out of service/errors.ts, service/error-advice and
// the document of the interface, which says which routes answer it.

import { ADVICE, SECTIONS } from '../../error-advice/index.ts'
import { ERRORS, type ErrorCode, type ErrorRow } from '../../errors.ts'
import { problemDocument } from '../problems.ts'
import { type Html, html } from './html.ts'
import { type Contents, page } from './layout.ts'
import { type OpenApiDocument, type Route, routesOf } from './openapi-document.ts'
import { prose } from './prose.ts'

/** What all of them have in common, for whom a sentence is to be told whether the same request helps. */
function whetherAgain({ status, retryable }: ErrorRow): string {
  if (!retryable) return 'No. The same request gets the same answer until something is changed.'
  if (status === 429 || status === 503 || status === 507) {
    return (
      'Yes. Wait as long as `Retry-After` says, a second if it says nothing, and longer each time. Publishing again is safe ' +
      'with the same `id` in each message: what was published already answers `duplicate`.'
    )
  }
  return 'Yes, the same may succeed later. Publishing again is safe with the same `id` in each message.'
}

/** The page of all codes, section by section. */
export function errorsPage(): string {
  return page({
    title: 'Dwell: error codes',
    summary: 'All error codes of the service, by what they are about.',
    contents: contents(),
    body: html`<h1>Error codes</h1>
<p>An error is answered as a problem document (RFC 9457): <code>status</code>, <code>code</code>, a <code>detail</code> about this very request,
and members that help, such as <code>field</code> or <code>limit</code>. The <code>code</code> is stable; its <code>type</code> leads to a page here.</p>
${SECTIONS.map(({ title, summary, advice }) => {
  const codes = Object.keys(advice) as ErrorCode[]
  return html`<section id="${anchorOf(title)}"><h2>${title}</h2><p>${prose(summary)}</p>
<div class="wide"><table class="codes">
<thead><tr><th scope="col">code</th><th scope="col">status</th><th scope="col">meaning</th><th scope="col">again?</th></tr></thead>
${codes.map(
  (code) => html`<tr><th scope="row"><a href="/docs/errors/${code}"><code>${breakable(code)}</code></a></th>
<td>${ERRORS[code].status}</td><td>${ERRORS[code].title}.</td><td>${ERRORS[code].retryable ? 'yes' : 'no'}</td></tr>`,
)}
</table></div></section>`
})}`,
  })
}

/** The page of one code; the document says which routes answer it. */
export function errorPage(code: ErrorCode, document: OpenApiDocument): string {
  const row = ERRORS[code]
  const { means, because, todo } = ADVICE[code]
  const section = SECTIONS.find(({ advice }) => code in advice)
  return page({
    title: `${code}: ${row.title}`,
    summary: means.replaceAll('`', ''),
    contents: contents(code),
    body: html`<p class="quiet"><a href="/docs/errors">Error codes</a> › ${section?.title ?? ''}</p>
<h1><code>${breakable(code)}</code></h1>
<p class="lead">${row.title}. <span class="status">${row.status}</span></p>
<p>${prose(means)}</p>
<h2>Why it happens</h2>
${listOf('ul', because)}
<h2>What to do</h2>
${listOf('ol', todo)}
<h2>Try again?</h2>
<p>${prose(whetherAgain(row))}</p>
<h2>How it looks</h2>
<pre><code>${exampleText(code)}</code></pre>
<h2>Where</h2>
${routesAnswering(code, routesOf(document))}`,
  })
}

function exampleText(code: ErrorCode): string {
  const { detail, ...facts } = ADVICE[code].example
  return JSON.stringify(JSON.parse(problemDocument(code, detail, facts)), undefined, 2)
}

/** A few are named; of very many it is said who is not among them. */
function routesAnswering(code: ErrorCode, routes: readonly Route[]): Html {
  const answering = routes.filter(({ codes }) => codes.has(code))
  if (answering.length === routes.length) return html`<p>Any route may answer it.</p>`
  if (answering.length === 0) {
    return html`<p>No route answers it of itself: it stands in the log and on the terminal, in results, or where no route was found.</p>`
  }
  const list = html`<ul class="routes">${answering.map(
    ({ method, path, operation }) =>
      html`<li><a href="/docs#${operation.operationId}"><span class="method ${method.toLowerCase()}">${method}</span> <span class="path">${path}</span></a></li>`,
  )}</ul>`
  if (answering.length <= 12) return list
  return html`<details><summary>${answering.length} of ${routes.length} routes</summary>${list}</details>`
}

function listOf(kind: 'ul' | 'ol', sentences: readonly string[]): Html {
  const items = sentences.map((sentence) => html`<li>${prose(sentence)}</li>`)
  return kind === 'ul' ? html`<ul>${items}</ul>` : html`<ol>${items}</ol>`
}

function contents(current?: ErrorCode): Contents[] {
  return SECTIONS.map(({ title, advice }) => ({
    title,
    href: `/docs/errors#${anchorOf(title)}`,
    entries: Object.keys(advice).map((code) => {
      return { label: html`${breakable(code)}`, href: `/docs/errors/${code}`, isCurrent: code === current }
    }),
  }))
}

/** A code may be broken behind its underscores, which a phone needs. */
function breakable(code: string): Html[] {
  return code.split('_').map((part, i) => (i === 0 ? html`${part}` : html`_<wbr>${part}`))
}

function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(/[^a-z]+/g, '-')
}
