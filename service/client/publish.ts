// Publishing in one call, for messages that are at hand. With an id, given or made here, a message may be sent again when an
// answer was lost: the service knows it.

import { type Call, type CallOptions, type Calls, jsonOf, segment } from './calls.ts'
import { type Message, messageLine, type Published } from './message.ts'

export interface PublishOptions extends CallOptions {
  /** When to answer: `all`, durable; `1`, written and not yet synced. */
  acks?: 'all' | '1'
  /**
   * Whether messages without an id get one, which makes repeating safe; true when absent. Without it a publish whose answer is
   * lost is not repeated.
   */
  generateIds?: boolean
}

const LINES_TYPE = 'application/x-ndjson'

/** What one call publishes, and which ids are made here. */
export interface Prepared {
  lines: string[]
  made: boolean[]
}

/** @throws CallError INVALID_ARGUMENT */
export function prepare(calls: Calls, messages: readonly Message[], generateIds: boolean): Prepared {
  const made = messages.map(({ id }) => id === undefined && generateIds)
  const lines = messages.map((message, i) => messageLine(message, made[i] ? calls.surroundings.token() : message.id))
  return { lines, made }
}

/** Publishes lines, in the trace of whoever calls unless they are of several; the results in their order, and how many tries it took. @throws CallError, or the reason of the signal */
export async function publishLines(
  calls: Calls,
  topic: string,
  { lines, made }: Prepared,
  repeat: Call['repeat'],
  { acks, ...options }: PublishOptions,
  isUntraced = false,
): Promise<{ results: Published[]; tries: number }> {
  const { incoming, tries } = await calls.answered({
    method: 'POST',
    path: `/v1/topics/${segment(topic)}/messages`,
    query: { acks },
    // What is refused of several is named by its line.
    raw:
      lines.length === 1
        ? { bytes: lines[0], type: 'application/json' }
        : { bytes: lines.join('\n'), type: LINES_TYPE },
    repeat,
    isUntraced,
    options,
  })
  const { results } = jsonOf(incoming) as { results: Published[] }
  if (tries > 1) {
    // Nobody else has an id that was made here: a duplicate of it is our own first try.
    for (let i = 0; i < results.length; i++) if (made[i]) delete results[i].duplicate
  }
  return { results, tries }
}
