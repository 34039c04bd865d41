// A number of bytes as two words of four: the high one, then the low one.

const WORD = 2 ** 32

export function writeBytes(words: Uint32Array, at: number, bytes: number): void {
  words[at] = Math.floor(bytes / WORD)
  words[at + 1] = bytes % WORD
}

export function readBytes(words: Uint32Array, at: number): number {
  return words[at] * WORD + words[at + 1]
}
