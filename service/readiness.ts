// Whether requests should come here.

/** A wheel that has not run for so long hangs: it looks around four times a second, and waits for nothing but the disk. */
const TICK_AGE_MS_MAX = 30_000

/** Why not; undefined when it is ready. */
export function whyNotReady(stopping: AbortSignal, wheel: { stats(): { lastTickAgeMs: number } }): string | undefined {
  if (stopping.aborted) return 'The service is stopping.'
  const { lastTickAgeMs } = wheel.stats()
  return lastTickAgeMs > TICK_AGE_MS_MAX
    ? `The timing wheel has not run for ${Math.floor(lastTickAgeMs / 1000)} s.`
    : undefined
}
