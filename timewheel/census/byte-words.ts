// A number of bytes as two words of four: the high one, then the low one.

const WORD = 2 ** 32

/** Writes a number of bytes, at most 2^53 - 1, into the two words from `at` on. */
export function writeBytes(words: Uint32Array, at: number, bytes: number): void {
  words[at] = Math.floor(bytes / WORD)
  words[at + 1] = bytes % WORD
}

/** The number of bytes in the two words from `at` on. */
export function readBytes(words: Uint32Array, at: number): number {
  return words[at] * WORD + words[at + 1]
}
