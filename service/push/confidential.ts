// What an endpoint may repeat and no reason may hold, since reasons are shown and logged: secrets, values of headers, and what
// follows the host in the URL, for hooks are often known by that alone.

import type { PushSettings } from '../delivery/index.ts'

/** What is shorter is no secret, and would leave holes in every reason. */
const LENGTH_MIN = 6

/** Each text as a whole and in the parts that somebody may repeat by themselves; the longest first. */
export function confidentialTexts({ url, headers, secrets }: PushSettings): string[] {
  const { pathname, search, searchParams } = new URL(url)
  const texts = new Set([pathname + search, pathname, search.slice(1), ...searchParams.values()])
  for (const secret of secrets) texts.add(secret).add(secret.slice(secret.indexOf('_') + 1))
  // `Bearer …` is often repeated without its first word.
  for (const value of Object.values(headers)) for (const text of [value, ...value.split(/[\s,;=:]+/)]) texts.add(text)
  return [...texts].filter(({ length }) => length >= LENGTH_MIN).sort((a, b) => b.length - a.length)
}
