// Sentences out of tables and schemas: `code` stands between backticks, and the code of an error leads to its page.

import { isErrorCode } from '../../errors.ts'
import { type Html, html } from './html.ts'

const CODE_LIKE = /\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/

/** Escaped, with `code` and links where the text has them. */
export function prose(text: string): Html[] {
  return text.split('`').map((part, i) => {
    if (i % 2 === 0) return html`${part.split(CODE_LIKE).map(linked)}`
    return isErrorCode(part) ? codeLink(part) : html`<code>${part}</code>`
  })
}

/** The code of an error, which leads to its page. */
export function codeLink(code: string): Html {
  return html`<a href="/docs/errors/${code}"><code>${code}</code></a>`
}

function linked(word: string): Html {
  return isErrorCode(word) ? codeLink(word) : html`${word}`
}
