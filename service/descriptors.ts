// How the file descriptors of the process are shared out. Connections get what is left over: a flood of them must not take
// the journal, the slots or a checkpoint the descriptor that it needs.
//
// The limit is that of the operating system (`ulimit -n`, which Node raises to its hard limit).

/** Journal files, the slots of a checkpoint, LevelDB's own, a folder being synced, a few of Node: measured 40. */
const OWN_COUNT = 64
/** However few there are, so many connections are taken. */
const CONNECTIONS_MIN = 8
/** Of all descriptors, segments and slots held open ahead may take this share each. */
const SHARE = 1 / 4

export interface Descriptors {
  /** Handles of segments. */
  segments: number
  /** Slot files held open ahead of the hand. */
  slots: number
  connections: number
}

/** Shares `limit` descriptors out; `segments` and `slots` are what is wished for. */
export function shareDescriptors(limit: number, wished: { segments: number; slots: number }): Descriptors {
  const segments = Math.max(1, Math.min(wished.segments, Math.floor(limit * SHARE)))
  const slots = Math.max(1, Math.min(wished.slots, Math.floor(limit * SHARE)))
  return { segments, slots, connections: Math.max(CONNECTIONS_MIN, limit - OWN_COUNT - segments - slots) }
}

/** How many descriptors the process may have; without a limit where the system does not say. For the start: 2 ms. */
export function descriptorLimit(): number {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft: number | string } } }
  const soft = userLimits?.open_files?.soft
  return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY
}
