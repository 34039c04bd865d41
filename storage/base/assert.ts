// Executable invariants. What users, disks and networks do wrong is never asserted; see errors.ts.

/** A broken invariant: the code is wrong, so the process must stop before it does harm. */
export class AssertionError extends Error {
  override name = 'AssertionError'
}

/** Throws an AssertionError when `condition` does not hold. */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new AssertionError(sentence)
}
