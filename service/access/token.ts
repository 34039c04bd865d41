// A token: 256 random bits as text, behind a beginning by which people and scanners of source code know one. Whoever holds it
// is who it was made for; here only its SHA-256 is kept. A slow hash would add nothing, as there is no dictionary of 256
// random bits, and would cost every request.

import { hash } from 'node:crypto'
import type { Random } from '../../storage/index.ts'

const BEGINNING = 'dwell_'
const RANDOM_SIZE = 32
/** Base64url of so many bytes, without padding. */
const TOKEN_LENGTH = BEGINNING.length + Math.ceil((RANDOM_SIZE * 4) / 3)
export const HASH_PATTERN = /^[0-9a-f]{64}$/

export function makeToken(random: Random): string {
  return BEGINNING + random.bytes(RANDOM_SIZE).toString('base64url')
}

/** False for what cannot be a token of ours, whatever the table holds. */
export function isTokenShaped(text: string): boolean {
  return text.length === TOKEN_LENGTH && text.startsWith(BEGINNING)
}

/** In hexadecimal: as text it is made in a third of the time that a buffer takes. */
export function hashOf(token: string): string {
  return hash('sha256', token, 'hex')
}
