// A page of the documentation, as tests read it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')

/** What a page says; `path` is relative to the project. */
export function pageText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** The blocks of code in a language, in their order; of the section under a heading (`## …`), or of the whole page. */
export function codeBlocks(path: string, language: string, heading?: string): string[] {
  const text = pageText(path)
  const from = heading === undefined ? 0 : text.indexOf(`${heading}\n`)
  if (from < 0) throw new Error(`${path} has no heading "${heading}".`)
  const end = heading === undefined ? -1 : text.indexOf('\n## ', from)
  const section = text.slice(from, end < 0 ? undefined : end)
  return [...section.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block]) => block)
}
