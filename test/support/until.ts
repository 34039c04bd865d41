// Waiting in tests for what real sockets do: they have no clock that a test could move.

import { setImmediate as turn } from 'node:timers/promises'

const WITHIN_MS = 10_000

/**
 * Lets other things happen until `isSo`, while the clock of the test stands.
 * @throws when it has not come after ten seconds
 */
export async function until(isSo: () => Promise<boolean> | boolean, what = 'what the test waits for'): Promise<void> {
  const endMs = performance.now() + WITHIN_MS
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`It never came: ${what}.`)
    await turn()
  }
}
