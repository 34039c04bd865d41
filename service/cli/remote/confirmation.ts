// Commands that take something away for good show first what it is, and do it when they are called with --yes.

import { answer } from '../terminal.ts'
import type { Given, Remote } from './remote.ts'

/** Shows `what` and does nothing without --yes; `facts` are the same for programs. Answers the exit code. */
export async function confirmed(
  remote: Remote,
  given: Given,
  what: string,
  facts: Record<string, unknown>,
  done: string,
  task: () => Promise<unknown>,
): Promise<number> {
  const yes = given.yes === true
  if (yes) await task()
  const preview = [`This would concern ${what}.`, 'Nothing was changed. To do this, run the same with --yes.']
  return answer(remote, { ...facts, done: yes }, yes ? `${done} ${what}.` : preview)
}
