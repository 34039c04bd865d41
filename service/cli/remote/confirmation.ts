// Commands that take something away for good show first what it is, and do it when they are called with --yes.

import { EXIT } from './exit-codes.ts'
import type { Given, Remote } from './remote.ts'

/** Shows `what` and does nothing without --yes; `facts` are the same for programs. Answers the exit code. */
export async function confirmed(
  { output, json }: Remote,
  given: Given,
  what: string,
  facts: Record<string, unknown>,
  done: string,
  task: () => Promise<unknown>,
): Promise<number> {
  const yes = given.yes === true
  if (yes) await task()
  if (json) await output.line(JSON.stringify({ ...facts, done: yes }))
  else if (yes) await output.line(`${done} ${what}.`, 'green')
  else {
    await output.line(`This would concern ${what}.`)
    await output.line('Nothing was changed. To do this, run the same with --yes.')
  }
  return EXIT.DONE
}
