// Records of several sources, kept as stretches: whoever accepts what it acquired names them in order.

import type { Source } from './source.ts'

export interface SourceRange {
  source: Source
  /** The source's epoch when the range was made: another one now means that the records are no longer meant. */
  epoch: number
  first: number
  count: number
}

export class SourceRanges {
  readonly list: SourceRange[] = []

  add(source: Source, offset: number): void {
    const last = this.list[this.list.length - 1]
    if (last?.source === source && offset === last.first + last.count) last.count++
    else this.list.push({ source, epoch: source.epoch, first: offset, count: 1 })
  }
}
