// Lists that come in pages, as one sequence: the next page is asked for when the one before is used up.

export interface Page<T> {
  items: T[]
  /** Where the next page goes on; null at the end. */
  after: string | null
}

/** All items of all pages. A page may be empty and still have more behind it. */
export async function* allOf<T>(turn: (after: string | undefined) => Promise<Page<T>>): AsyncGenerator<T, void, void> {
  let after: string | undefined
  for (;;) {
    const page = await turn(after)
    yield* page.items
    if (page.after === null) return
    after = page.after
  }
}
