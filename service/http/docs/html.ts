// HTML that cannot hold what somebody wrote into it: whatever is put into a template is escaped, unless it came out of one.

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = Html | string | number | undefined | readonly Part[]

/** A piece of a page; lists are joined, undefined is nothing. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = texts[0]
  for (let i = 0; i < parts.length; i++) text += textOf(parts[i]) + texts[i + 1]
  return new Html(text)
}

function textOf(part: Part): string {
  if (part instanceof Html) return part.text
  if (typeof part === 'object') return part.map(textOf).join('')
  return part === undefined ? '' : String(part).replace(/[&<>"']/g, (character) => ESCAPES[character])
}
