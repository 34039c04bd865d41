// What the page of an error code says beside its row in service/errors.ts. Texts may hold `code`; each sentence stands by itself.

export interface Advice {
  /** What it means, for who has never seen it. */
  means: string
  /** What usually leads here, the most frequent first. */
  because: readonly string[]
  /** What to do about it, in order. */
  todo: readonly string[]
  /** The members of a problem document that differ from code to code. */
  example: Readonly<Record<string, string | number>> & { readonly detail: string }
}
