// The census in a checkpoint: five lists, of an earlier version the first three, each `length <4b>` in words of four bytes, and
// so many words, big-endian.
//
//   by topic   cells <4b>                                                    how many there are, one a minute and topic
//              ┌──────────────┬──────────────┬───────────┬──────────────┐
//              │ minute <4b>  │ topicId <4b> │ mask <8b> │ count <4b> … │    per cell; the lowest bit of the mask is the minute's
//              └──────────────┴──────────────┴───────────┴──────────────┘    first second; a count for each bit that is set, or
//                                                                            one for the whole minute when none is
//   loose      the same, of all topics together; topicId 1
//   later      topicId <4b> · count <4b>                                     per topic
//   bytes      minute <4b> · topicId <4b> · bytes <8b>                       per cell of the first list: of all that it counts
//   later      topicId <4b> · bytes <8b>                                     per topic: of what is due later
//
// A checkpoint is settled between two steps of the wheel: what there may be a million of is copied in plain loops, and turned
// into big-endian at once.

import { endianness } from 'node:os'
import { lowestBit, SECONDS_A_MINUTE } from './minute-counts.ts'

/** How many cells were packed. */
export function cellCount(words: Uint32Array): number {
  return words[0]
}

/** Calls `ofSecond` for each count by second that was packed, and `ofMinute` for each by minute only. */
export function forEachCount(
  words: Uint32Array,
  ofSecond: (second: number, topicId: number, count: number) => void,
  ofMinute?: (minute: number, topicId: number, count: number) => void,
): void {
  for (let at = 1; at < words.length; ) {
    const minute = words[at]
    const topicId = words[at + 1]
    const high = words[at + 2]
    const low = words[at + 3]
    at += 4
    if (high === 0 && low === 0) ofMinute?.(minute, topicId, words[at++])
    const second = minute * SECONDS_A_MINUTE
    for (let mask = low; mask !== 0; mask &= mask - 1) ofSecond(second + lowestBit(mask), topicId, words[at++])
    for (let mask = high; mask !== 0; mask &= mask - 1) ofSecond(second + 32 + lowestBit(mask), topicId, words[at++])
  }
}

/** Lists of words, each behind its length. */
export function encodeWords(lists: readonly ArrayLike<number>[]): Buffer {
  const words = new Uint32Array(lists.reduce((sum, { length }) => sum + 1 + length, 0))
  let at = 0
  for (const list of lists) {
    words[at] = list.length
    words.set(list, at + 1)
    at += 1 + list.length
  }
  return turnedRound(Buffer.from(words.buffer))
}

export function decodeWords(bytes: Buffer): Uint32Array[] {
  const words = new Uint32Array(bytes.length / 4)
  const ofWords = Buffer.from(words.buffer)
  ofWords.set(bytes)
  turnedRound(ofWords)
  const lists: Uint32Array[] = []
  for (let at = 0; at < words.length; at += 1 + words[at]) lists.push(words.subarray(at + 1, at + 1 + words[at]))
  return lists
}

/** Words in this machine's order in the file's, or back. */
function turnedRound(words: Buffer): Buffer {
  return endianness() === 'LE' ? words.swap32() : words
}
