// A store that looks for room before each write: LevelDB does its own output and takes no write any more after one has
// found no space (key-value-store.ts), so here the reserve is given up before, not after.

import type { KeyValueStore } from './key-value-store.ts'

/** `store`, with `look` run before whatever it writes. */
export function watched(store: KeyValueStore, look: () => Promise<void>): KeyValueStore {
  return {
    get: (key) => store.get(key),
    rows: (range, limit) => store.rows(range, limit),
    async write(writes) {
      await look()
      await store.write(writes)
    },
    async clear(range) {
      await look()
      await store.clear(range)
    },
    close: () => store.close(),
  }
}
