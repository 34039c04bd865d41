// What commands end with. `check` has codes of its own, those of monitoring plugins; see check.ts.

import { CallError } from '../client/index.ts'

export const EXIT = {
  DONE: 0,
  /** The service refused it, or something was found that should not be. */
  REFUSED: 1,
  /** The command line is wrong; of what works on files: they are not what was said. */
  USAGE: 2,
  /** No answer: the service cannot be reached, or was lost on the way. */
  NO_ANSWER: 3,
  /** SIGINT or SIGTERM came before it was done, as shells say it. */
  INTERRUPTED: 130,
} as const

/** Of commands that ask a service. */
export const EXIT_CODES_HELP =
  'Exit codes: 0 done; 1 refused, or something was found; 2 called wrongly; 3 the service gave no answer; 130 interrupted.'
/** Of commands that work on files. */
export const FILE_EXIT_CODES_HELP = 'Exit codes: 0 done; 2 called wrongly, or a file cannot be used.'

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof CallError)) return EXIT.REFUSED
  if (error.code === 'INVALID_ARGUMENT') return EXIT.USAGE
  return error.status === 0 || error.code === 'ANSWER_UNREADABLE' ? EXIT.NO_ANSWER : EXIT.REFUSED
}
