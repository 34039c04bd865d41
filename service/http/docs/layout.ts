// The frame of every page: head, contents, and what is said of all of them.

import { type Html, html } from './html.ts'

export interface Contents {
  title: string
  href: string
  entries: readonly { label: Html; href: string; isCurrent?: boolean }[]
}

export interface PageParts {
  title: string
  /** One sentence for whoever finds the page in a list. */
  summary: string
  /** Where on it, or beside it, one may go. */
  contents: readonly Contents[]
  body: Html
}

export const STYLE_PATH = '/docs/style.css'

/** A whole page, as text. */
export function page({ title, summary, contents, body }: PageParts): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${summary}">
<title>${title}</title>
<link rel="stylesheet" href="${STYLE_PATH}">
<link rel="icon" href="data:,">
</head>
<body>
<a class="skip" href="#content">To the content</a>
<header><a class="name" href="/docs">Dwell</a>
<nav aria-label="Pages"><a href="/docs">Interface</a> <a href="/docs/errors">Errors</a> <a href="/openapi.json">openapi.json</a></nav>
</header>
<div class="frame">
<nav class="contents" aria-label="Contents">${contents.map(contentsOf)}</nav>
<main id="content">${body}</main>
</div>
</body>
</html>
`.text
}

function contentsOf({ title, href, entries }: Contents): Html {
  const links = entries.map(({ label, href, isCurrent }) => {
    return html`<li><a href="${href}"${isCurrent ? html` aria-current="page"` : ''}>${label}</a></li>`
  })
  return html`<p><a href="${href}">${title}</a></p><ul>${links}</ul>`
}
