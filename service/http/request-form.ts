// Forms of a request that are HTTP and that others, a proxy before this service among them, may read differently than it does.
// What one lets through must not be something else for the next, so they are refused. What is no HTTP at all, or has two lengths,
// Node's parser refuses: see client-errors.ts.

import type { IncomingMessage } from 'node:http'
import { DwellError } from '../../storage/index.ts'

/** Headers of which Node takes the first and drops the others. */
const ONCE: ReadonlySet<string> = new Set(['host', 'authorization', 'origin'])
const TRANSFER_ENCODING = 'transfer-encoding'
const SLASH = 0x2f
/** What Node answers by itself, and goes on with. */
const EXPECTATION = '100-continue'

/**
 * For every request, so what it costs is a look at the length of each name.
 * @throws INVALID_REQUEST, INVALID_URL
 */
export function checkForm({ url, httpVersionMajor, httpVersionMinor, headers, rawHeaders }: IncomingMessage): void {
  if (httpVersionMajor !== 1) throw wrong('Send HTTP/1.1.')
  // A whole URL names a host beside the one in Host.
  if (url?.charCodeAt(0) !== SLASH) throw wrong('Send the path of the URL alone, beginning with a slash.')
  checkQuery(url)
  if (headers.host === undefined && httpVersionMinor > 0) throw wrong('The header Host is missing.')
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== EXPECTATION)
    throw wrong(`The only Expect is ${EXPECTATION}.`)
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    const { length } = name
    if (length === TRANSFER_ENCODING.length) checkCoding(name, rawHeaders[i + 1])
    if (length !== 4 && length !== 6 && length !== 13) continue
    if (!ONCE.has(name) && !ONCE.has(name.toLowerCase())) continue
    const bit = 1 << length
    if ((seen & bit) !== 0) throw wrong(`The header ${name} is there more than once.`)
    seen |= bit
  }
}

/** Whoever takes a query apart leaves what cannot be decoded as it is, and the `k%FF` of a client would become a name. */
function checkQuery(url: string): void {
  const at = url.indexOf('?')
  if (at < 0 || url.indexOf('%', at) < 0) return
  try {
    decodeURIComponent(url.slice(at))
  } catch {
    throw new DwellError('INVALID_URL', 'The query of the URL cannot be decoded: it must be UTF-8, and a % is %25.')
  }
}

/** Node takes the chunks apart, and hands on what another coding made of the body as if that were the body. */
function checkCoding(name: string, value: string): void {
  if (name.toLowerCase() !== TRANSFER_ENCODING || value.trim().toLowerCase() === 'chunked') return
  throw wrong('The only Transfer-Encoding is chunked.')
}

function wrong(sentence: string): DwellError {
  return new DwellError('INVALID_REQUEST', sentence)
}
