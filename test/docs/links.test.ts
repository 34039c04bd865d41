// Every link between pages of the documentation leads to a file, and to a heading, that is there.

import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { pageText, ROOT } from './page.ts'

const PAGES = globSync('**/*.md', { cwd: ROOT, exclude: (name) => /^(node_modules|\.)/.test(name) })

/** The anchor that a heading gets where Markdown is shown: small letters, digits and hyphens. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

t.test('links between pages lead somewhere', async (t) => {
  t.ok(PAGES.length > 15)
  for (const page of PAGES) {
    const text = pageText(page).replaceAll(/```[\s\S]*?```/g, '')
    for (const [, link] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path, heading] = link.split('#')
      const target = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path)
      t.ok(existsSync(target), `${page}: ${link}`)
      if (heading === undefined || !existsSync(target)) continue
      const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading))
      t.ok(headings.includes(heading), `${page}: ${link}`)
    }
  }
})
