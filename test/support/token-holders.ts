// Tokens for tests: a file of them as `dwell tokens create` would have made it, and the header that shows one.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Right } from '../../service/access/rights.ts'
import { hashOf, makeToken } from '../../service/access/token.ts'
import { formatTokenRows, type TokenRow } from '../../service/access/tokens-file.ts'
import { SystemRandom } from '../../storage/index.ts'

export interface Holder {
  token: string
  row: TokenRow
  /** The headers that show the token. */
  headers: Record<string, string>
}

export function holder(
  name: string,
  rights: readonly Right[],
  topics: readonly string[] = ['*'],
  limits?: TokenRow['limits'],
): Holder {
  const token = makeToken(new SystemRandom())
  const row = { name, sha256: hashOf(token), rights, topics, limits }
  return { token, row, headers: { authorization: `Bearer ${token}` } }
}

/** A folder beside that of the data, removed at the end. */
export function tokensFolder(t: Pick<Test, 'teardown'>): string {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-tokens-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

/** Writes the file of tokens into `directory`; answers its path. */
export function writeTokens(directory: string, holders: readonly Holder[]): string {
  const path = join(directory, 'tokens.json')
  writeFileSync(path, formatTokenRows(holders.map(({ row }) => row)))
  return path
}
