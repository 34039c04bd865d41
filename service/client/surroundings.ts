// The clock and the chance of the client, in one place so that a test can give others. The client runs in other people's
// programs: it has a seam of its own instead of loading the storage for the service's.

import { randomBytes } from 'node:crypto'

export interface Surroundings {
  /** Milliseconds that never step; for durations. Stands still while the machine is suspended. */
  monotonicMs(): number
  /** Milliseconds since 1970. */
  wallMs(): number
  /** Runs `task` once, `delayMs` from now, and keeps the process alive until then; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void
  /** From 0 to just below 1, for jitter. */
  fraction(): number
  /** 22 characters that nobody has made before. */
  token(): string
}

const TIMER_MS_MAX = 2 ** 31 - 1
/** Tokens that are made from one call of the generator: a call each would cost a tenth of a small publish. */
const TOKENS_AT_ONCE = 256
const TOKEN_BYTES = 16

/** The machine's own. */
export function systemSurroundings(): Surroundings {
  let pool = Buffer.alloc(0)
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    after: (delayMs, task) => {
      const timer = setTimeout(task, Math.min(delayMs, TIMER_MS_MAX))
      return () => clearTimeout(timer)
    },
    fraction: () => randomBytes(4).readUInt32BE(0) / 2 ** 32,
    token: () => {
      if (pool.length === 0) pool = randomBytes(TOKENS_AT_ONCE * TOKEN_BYTES)
      const text = pool.toString('base64url', 0, TOKEN_BYTES)
      pool = pool.subarray(TOKEN_BYTES)
      return text
    },
  }
}

/** Resolves `delayMs` from now, or when `signal` aborts: whoever waits looks at the signal afterwards. */
export function pause(surroundings: Surroundings, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const end = () => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = surroundings.after(delayMs, end)
    signal?.addEventListener('abort', end, { once: true })
  })
}
