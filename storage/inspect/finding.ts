// What the check of a data directory has to say, in one form for all of its parts.

export interface Finding {
  /**
   * `wrong`: something is not as it must be. `note`: nothing is lost or served wrongly; what is derived is stale or missing,
   * and the next start makes it anew.
   */
  kind: 'wrong' | 'note'
  /** The sort of finding, for machines. */
  code: string
  path: string
  /** The byte of the file. */
  position?: number
  /** `topic-partition`. */
  partition?: string
  offset?: number
  lastOffset?: number
  /** What is there, or is not. */
  sentence: string
  /** What follows from it. */
  meaning: string
  /** Whether data that was acknowledged is concerned. */
  acknowledged: boolean
  /** What can be done. */
  remedy: string
}

/** Something is wrong; `repair` helps unless another remedy is given. */
export function wrong(
  code: string,
  path: string,
  sentence: string,
  rest: Partial<Finding> & Pick<Finding, 'meaning' | 'acknowledged'>,
): Finding {
  return { kind: 'wrong', code, path, sentence, remedy: 'Run `dwell repair`.', ...rest }
}

/** Something is stale or missing that is made anew. */
export function note(code: string, path: string, sentence: string, rest: Partial<Finding> = {}): Finding {
  const derived = { meaning: 'It is derived.', acknowledged: false, remedy: 'Nothing: the next start makes it anew.' }
  return { kind: 'note', code, path, sentence, ...derived, ...rest }
}

/** How much was looked at, by name: `batches`, `frames`, `slots` … */
export type Counts = Record<string, number>

export function counted(counts: Counts, name: string, by = 1): void {
  counts[name] = (counts[name] ?? 0) + by
}
