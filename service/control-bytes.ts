// Looks for control characters, which JSON has no place for in a string as they are. Four bytes at a time where they lie so,
// sixteen in a step: at a kilobyte a string, one at a time took as long as all else that is done with it.

const HIGH_BITS = 0x80808080 | 0

/** A word whose bytes have their high bits set, of those that matter, if one of the bytes of `word` is below 0x20. */
function below20(word: number): number {
  // Source: "Bit Twiddling Hacks", S. E. Anderson, "Determine if a word has a byte less than n".
  return (word - 0x20202020) & ~word
}

export class ControlBytes {
  /** The memory that was looked at last, as words. */
  #words: Int32Array = new Int32Array(0)

  /** Whether a byte from `from` to before `to` is below 0x20. */
  isBetween(bytes: Buffer, from: number, to: number): boolean {
    const { buffer, byteOffset } = bytes
    if (this.#words.buffer !== buffer) this.#words = new Int32Array(buffer, 0, buffer.byteLength >>> 2)
    const words = this.#words
    let at = from
    for (; at < to && ((byteOffset + at) & 3) !== 0; at++) if (bytes[at] < 0x20) return true
    let word = (byteOffset + at) >>> 2
    for (; at + 16 <= to; at += 16, word += 4) {
      const [a, b, c, d] = [words[word], words[word + 1], words[word + 2], words[word + 3]]
      if (((below20(a) | below20(b) | below20(c) | below20(d)) & HIGH_BITS) !== 0) return true
    }
    for (; at < to; at++) if (bytes[at] < 0x20) return true
    return false
  }
}
