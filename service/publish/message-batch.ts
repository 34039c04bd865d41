// The messages of a request: one, several in an array, or one a line. All are valid or none is taken.

import { DwellError } from '../../storage/index.ts'
import { checkUtf8, JsonScanner } from '../json-scanner.ts'
import { type Message, type MessageRules, readMessage } from './message.ts'

const NEWLINE = 0x0a
const OPEN_ARRAY = 0x5b
const OPEN_OBJECT = 0x7b
/** Reading never waits, so one reader serves all requests. */
const scanner = new JsonScanner()

/**
 * One message, or `{"messages": […]}`. An error in the latter has the field `index`.
 * @throws as readMessage(); EMPTY_BATCH, TOO_MANY_MESSAGES
 */
export function readOneOrMore(body: Buffer, rules: MessageRules, countMax: number): Message[] {
  checkUtf8(body)
  scanner.begin(body)
  if (isBatch()) return readArray(rules, countMax)
  scanner.begin(body)
  const message = readMessage(scanner, rules)
  scanner.finish()
  return [message]
}

/** Whether the first member of the object is "messages"; it must then be the only one. */
function isBatch(): boolean {
  if (scanner.peek() !== OPEN_OBJECT || !scanner.enterObject()) return false
  return scanner.name() === 'messages'
}

function readArray(rules: MessageRules, countMax: number): Message[] {
  if (scanner.peek() !== OPEN_ARRAY) {
    scanner.value()
    throw new DwellError('INVALID_FIELD', 'messages must be an array of messages.', { field: 'messages' })
  }
  const messages: Message[] = []
  if (scanner.enterArray()) {
    do {
      if (messages.length === countMax) throw tooMany(countMax)
      try {
        messages.push(readMessage(scanner, rules))
      } catch (error) {
        throw at(error, `Message ${messages.length}`, { index: messages.length })
      }
    } while (scanner.moreElements())
  }
  if (scanner.moreMembers()) {
    const field = scanner.name().slice(0, 100)
    throw new DwellError('UNKNOWN_FIELD', `Beside messages there may be no field ${JSON.stringify(field)}.`, { field })
  }
  scanner.finish()
  if (messages.length === 0) throw empty()
  return messages
}

/**
 * One message a line; empty lines are passed over. An error has the field `line`, counted from 1.
 * @throws as readMessage(); EMPTY_BATCH, TOO_MANY_MESSAGES
 */
export function readLines(body: Buffer, rules: MessageRules, countMax: number): Message[] {
  checkUtf8(body)
  const messages: Message[] = []
  for (let start = 0, line = 1; start < body.length; line++) {
    const newline = body.indexOf(NEWLINE, start)
    const end = newline < 0 ? body.length : newline
    scanner.begin(body, start, end)
    start = end + 1
    if (scanner.peek() === -1) continue
    if (messages.length === countMax) throw tooMany(countMax)
    try {
      messages.push(readMessage(scanner, rules))
      scanner.finish()
    } catch (error) {
      throw at(error, `Line ${line}`, { line })
    }
  }
  if (messages.length === 0) throw empty()
  return messages
}

function at(error: unknown, place: string, fields: Record<string, number>): unknown {
  if (!(error instanceof DwellError)) return error
  return new DwellError(error.code, `${place}: ${error.message}`, { ...error.fields, ...fields })
}

function empty(): DwellError {
  return new DwellError('EMPTY_BATCH', 'There is no message in the request.')
}

function tooMany(limit: number): DwellError {
  return new DwellError('TOO_MANY_MESSAGES', `A request may hold at most ${limit} messages.`, { limit })
}
