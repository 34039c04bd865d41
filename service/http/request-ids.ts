// The id of a request: what its client calls it (X-Request-Id), or a name of ours. It stands in each log line about the request
// and in the answer that says that something is wrong, so that one can be found with the other.

import type { IncomingMessage } from 'node:http'

const HEADER = 'x-request-id'
/** What a client may call it: nothing that could be taken for something else in a log. */
const PATTERN = /^[A-Za-z0-9._:/+=@-]{1,128}$/

/** Names requests; ours are the time of the start and a number, both in base 36. */
export function requestIds(startMs: number): (request: Pick<IncomingMessage, 'headers'>) => string {
  const prefix = `${startMs.toString(36)}-`
  let count = 0
  return ({ headers }) => {
    const given = headers[HEADER]
    if (typeof given === 'string' && PATTERN.test(given)) return given
    return prefix + (++count).toString(36)
  }
}
