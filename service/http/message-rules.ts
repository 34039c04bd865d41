// What messages and due times of a request are held against.

import type { IncomingHttpHeaders } from 'node:http'
import { DwellError } from '../../storage/index.ts'
import type { MessageRules } from '../publish/message.ts'
import { contextHeaders, requestContext } from '../tracing/trace-context.ts'
import type { HttpParts } from './parts.ts'

/** `fields`: the header of the request that publishes, for the context of its trace. */
export function messageRules(
  { settings, hand }: Pick<HttpParts, 'settings' | 'hand'>,
  fields: IncomingHttpHeaders = NO_FIELDS,
): MessageRules {
  const context = requestContext(fields)
  return {
    messageBytesMax: settings.MESSAGE_BYTES_MAX,
    delayMaxMs: settings.DELAY_MAX,
    nowMs: hand.nowMs(),
    pastMs: () => hand.pastMs(),
    clockWrong: () => clockWrong(hand),
    trace: context && contextHeaders(context),
  }
}

const NO_FIELDS: IncomingHttpHeaders = {}

/** While the clock cannot be right, a delay reckoned from it would end too early once it is set right. */
function clockWrong(hand: HttpParts['hand']): DwellError | undefined {
  if (hand.state() !== 'not believed') return undefined
  return new DwellError('CLOCK_WRONG', `No delay can be reckoned now; deliverAt can be given. ${hand.why()}`)
}
