// A binary heap: of all that is in it, the first is at hand.

/**
 * Which of two items comes first. Each order is a class of its own, not a function: V8 inlines the methods of a few classes
 * where they are called, but not one of two functions that come there. Those took twice as long for a million messages.
 */
export interface Order<Item> {
  isBefore(a: Item, b: Item): boolean
}

export class Heap<Item> {
  readonly #order: Order<Item>
  readonly #items: Item[] = []

  constructor(order: Order<Item>) {
    this.#order = order
  }

  get size(): number {
    return this.#items.length
  }

  /** The item that comes before all others; undefined when there is none. */
  get first(): Item | undefined {
    return this.#items[0]
  }

  /** Everything that is in it, in no order. */
  get items(): readonly Item[] {
    return this.#items
  }

  push(item: Item): void {
    const items = this.#items
    const order = this.#order
    let at = items.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!order.isBefore(item, items[parent])) break
      items[at] = items[parent]
      at = parent
    }
    items[at] = item
  }

  /** Takes the first item out. */
  shift(): void {
    const last = this.#items.pop()
    if (last !== undefined && this.#items.length > 0) this.#sink(last)
  }

  /** To be called when the first item comes later than it did. */
  firstMoved(): void {
    if (this.#items.length > 0) this.#sink(this.#items[0])
  }

  /** Puts `item` in the place of the first one, and from there where it belongs. */
  #sink(item: Item): void {
    const items = this.#items
    const order = this.#order
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && order.isBefore(items[child + 1], items[child])) child++
      if (!order.isBefore(items[child], item)) break
      items[at] = items[child]
      at = child
    }
    items[at] = item
  }
}
