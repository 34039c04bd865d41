// The file that says who may do what (the setting TOKENS_FILE), as JSON:
//
//   { "tokens": [ { "name": "shop", "sha256": "<64 hex>", "rights": ["publish"], "topics": ["shop.*"],
//                   "limits": { "requestsPerSecond": 100 } } ] }                                  limits may be left out
//
// Tokens themselves never stand in it. Whatever is wrong with it refuses all of it, and says which row: half of a file of
// rights is worse than none.

import { DwellError } from '../../storage/index.ts'
import { LIMIT_NAMES, type Limits } from './allowance.ts'
import { isRight, RIGHTS, type Right, TopicScope } from './rights.ts'
import { HASH_PATTERN } from './token.ts'

export const TOKENS_MAX = 10_000
export const TOKENS_FILE_BYTES_MAX = 4 * 1024 * 1024
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,99}$/

export interface TokenRow {
  /** Unique; for logs and limits. */
  name: string
  /** In hexadecimal. */
  sha256: string
  rights: readonly Right[]
  topics: readonly string[]
  /** In place of the settings TOKEN_…_MAX; 0 is any number. */
  limits?: Partial<Limits>
}

const FIELDS = ['name', 'sha256', 'rights', 'topics', 'limits']

/**
 * The rows of a file.
 * @throws INVALID_TOKENS_FILE
 */
export function readTokenRows(text: string): TokenRow[] {
  const document = parsed(text)
  const rows = isObject(document) && Object.keys(document).join() === 'tokens' ? document.tokens : undefined
  if (!Array.isArray(rows)) throw wrong('it must be {"tokens": [ … ]}')
  if (rows.length > TOKENS_MAX) throw wrong(`it has more than ${TOKENS_MAX} tokens`)
  const read = rows.map((row, i) => readRow(row, `token ${i + 1}`))
  checkUnique(read, 'name')
  checkUnique(read, 'sha256')
  return read
}

export function formatTokenRows(rows: readonly TokenRow[]): string {
  return `{\n  "tokens": [\n${rows.map((row) => `    ${JSON.stringify(row)}`).join(',\n')}\n  ]\n}\n`
}

/** @throws INVALID_TOKENS_FILE */
export function checkTokenName(name: unknown, where: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name
  throw wrong(`${where}: the name must be 1 to 100 of a-z A-Z 0-9 . _ @ -, a letter or digit first`)
}

function readRow(row: unknown, place: string): TokenRow {
  if (!isObject(row)) throw wrong(`${place} is no object`)
  const unknown = Object.keys(row).find((field) => !FIELDS.includes(field))
  if (unknown !== undefined)
    throw wrong(`${place} has a field ${JSON.stringify(unknown)}; there are ${FIELDS.join(', ')}`)
  const name = checkTokenName(row.name, place)
  const where = `${place} (${name})`
  const { sha256, rights, topics } = row
  if (typeof sha256 !== 'string' || !HASH_PATTERN.test(sha256))
    throw wrong(`${where}: sha256 must be the SHA-256 of the token, 64 hexadecimal digits in small letters`)
  if (!isList(rights) || rights.length === 0 || !rights.every(isRight))
    throw wrong(`${where}: rights must be a list of ${RIGHTS.join(', ')}, at least one`)
  if (!isList(topics) || topics.length === 0)
    throw wrong(`${where}: topics must be a list, at least one; ["*"] are all`)
  try {
    new TopicScope(topics)
  } catch (error) {
    throw wrong(`${where}: ${(error as Error).message}`, error)
  }
  const read = { name, sha256, rights: rights as Right[], topics }
  return row.limits === undefined ? read : { ...read, limits: readLimits(row.limits, where) }
}

function readLimits(limits: unknown, where: string): Partial<Limits> {
  if (!isObject(limits)) throw wrong(`${where}: limits must be an object`)
  for (const [name, limit] of Object.entries(limits)) {
    if (!LIMIT_NAMES.some((known) => known === name)) {
      throw wrong(`${where}: there is no limit ${JSON.stringify(name)}; there are ${LIMIT_NAMES.join(', ')}`)
    }
    if (!Number.isSafeInteger(limit) || (limit as number) < 0)
      throw wrong(`${where}: the limit ${name} must be a whole number, 0 for any`)
  }
  return limits
}

function checkUnique(rows: readonly TokenRow[], field: 'name' | 'sha256'): void {
  const seen = new Set<string>()
  for (const row of rows) {
    if (seen.has(row[field])) throw wrong(`two tokens have the ${field} ${row[field]}`)
    seen.add(row[field])
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Without the cause: V8 quotes what it read, perhaps a token that somebody put there by mistake.
    throw wrong('it is not valid JSON')
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function wrong(what: string, cause?: unknown): DwellError {
  return new DwellError('INVALID_TOKENS_FILE', `The file of tokens cannot be used: ${what}.`, {}, cause)
}
