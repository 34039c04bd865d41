// Names of topics and groups. Folder and file names are made of them, so this pattern is what keeps a request inside the
// data directory.

import { DwellError } from '../storage/index.ts'

/** What users may name; what the service names (lanes, dead letters) may be longer. */
export const NAME_LENGTH_MAX = 100
/** As long as Kafka allows. */
export const TOPIC_LENGTH_MAX = 249
const PATTERN = /^[a-zA-Z0-9._-]+$/
/** All that is checked here but lengths, in one expression, for the document of the interface. */
export const NAME_PATTERN = '^(?!__|[.][.]?$)[a-zA-Z0-9._-]+$'

export type Named = 'topic' | 'group'

/**
 * Answers `name` if it may name an existing topic or group of a user, or a lane or a dead-letter topic.
 * @throws INVALID_NAME
 */
export function checkName(name: string, what: Named): string {
  return check(name, what, what === 'topic' ? TOPIC_LENGTH_MAX : NAME_LENGTH_MAX)
}

/**
 * Answers `name` if a user may create a topic or a group of this name.
 * @throws INVALID_NAME
 */
export function checkNewName(name: string, what: Named): string {
  return check(name, what, NAME_LENGTH_MAX)
}

function check(name: string, what: Named, lengthMax: number): string {
  if (name.length <= lengthMax && PATTERN.test(name) && name !== '.' && name !== '..' && !isInternal(name)) return name
  throw new DwellError(
    'INVALID_NAME',
    `A ${what} is named by 1 to ${NAME_LENGTH_MAX} of a-z A-Z 0-9 . _ -, is not . or .. and does not start with __.`,
    { field: what, limit: NAME_LENGTH_MAX },
  )
}

/** Topics of our own, which users neither see nor touch. */
export function isInternal(name: string): boolean {
  return name.startsWith('__')
}
