// `dwell publish`: messages out of arguments, standard input, or a file with one message a line.

import { isUtf8 } from 'node:buffer'
import { addAbortSignal } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import { CallError, type Message, type Published } from '../../client/index.ts'
import { answer } from '../terminal.ts'
import { mapOf, msOf, pairsOf, sentDuration, sentTime, valueIn, wholeOf } from './forms.ts'
import { publishLines } from './publish-lines.ts'
import { addRemote, type Given, type Remote } from './remote.ts'

/** Adds the command to `program`. */
export function addPublish(program: Command, environment: NodeJS.ProcessEnv): void {
  addRemote(program, environment, {
    usage: 'publish <topic> [value...]',
    description:
      'Publishes each value as a message: JSON where it is JSON, else text. Without a value, standard input is one message.',
    options: (command) =>
      command
        .option('--key <key>', 'same key, same partition')
        .option('--partition <number>', 'chooses the partition')
        .option('--header <name=value>', 'a header; may be given several times', pairsOf)
        .option('--delay <duration>', 'when it is to arrive, from now on: 30s, 1h30m, 3d')
        .option('--at <time>', 'when it is to arrive: 2026-12-24T18:00:00Z')
        .option('--id <id>', 'a handle of your own: publishing it again changes nothing')
        .option('--text', 'take values as text, also where they are JSON', false)
        .option('--lines', 'each line of standard input is a message', false)
        .option(
          '--file <path>',
          'one message a line, as in the HTTP interface: {"value": …, "delay": …}; - is standard input',
        )
        .option(
          '--id-prefix <prefix>',
          'with --file or --lines: messages get the ids prefix-1, prefix-2 …, so it may be repeated',
        ),
    examples: [
      `dwell publish orders '{"order": 17}' --key customer-4`,
      `dwell publish orders '{"order": 18}' --delay 30s --id order-18-reminder`,
      `echo 'any text' | dwell publish orders --header source=shell`,
      `printf 'one\\ntwo\\n' | dwell publish orders --lines`,
      `printf '{"value": 1}\\n{"value": 2, "delay": "1h"}\\n' | dwell publish orders --file -`,
    ],
    run: publish,
  })
}

async function publish(remote: Remote, [topic, ...values]: string[], given: Given): Promise<number> {
  const { signal } = remote
  const { file, lines, text, idPrefix } = given
  if (values.length > 0 && (file !== undefined || lines))
    throw wrong('Give values, --lines or --file, not several of them.')
  const shared = sharedOf(given)
  if (file !== undefined || lines) {
    if (shared.id !== undefined) throw wrong('An --id is for one message; for many there is --id-prefix.')
    const path = lines ? '-' : (file as string)
    const endWithinMs = msOf(given.timeout as string)
    return publishLines(remote, topic, {
      path,
      isValues: lines === true,
      shared,
      idPrefix: idPrefix as string,
      endWithinMs,
    })
  }
  if (values.length > 1 && shared.id !== undefined) throw wrong('An --id is for one message.')
  const contents =
    values.length > 0 ? values.map((value) => (text ? value : valueIn(value))) : [await standardInput(signal)]
  const messages = contents.map((value) => ({ ...shared, value }))
  const results = await remote.client.publish(topic, messages, { signal, generateIds: false })
  return answer(remote, { results }, results.map(sentenceOf))
}

/** What all messages of the call have. */
function sharedOf({ key, partition, header, delay, at, id }: Given): Omit<Message, 'value'> {
  return {
    key: key as string | undefined,
    partition: partition === undefined ? undefined : wholeOf(partition as string),
    headers: header === undefined ? undefined : mapOf(header as string[]),
    delay: delay === undefined ? undefined : sentDuration(delay as string),
    deliverAt: at === undefined ? undefined : sentTime(at as string),
    id: id as string | undefined,
  }
}

/** All of it. @throws CallError INVALID_ARGUMENT when there is nothing; when it is interrupted meanwhile */
async function standardInput(signal: AbortSignal): Promise<string | Uint8Array> {
  const bytes = await buffer(addAbortSignal(signal, process.stdin))
  // A line end at the end is the shell's.
  const content = isUtf8(bytes) ? bytes.toString().replace(/\r?\n$/, '') : bytes
  // It is forgotten more often than meant: a variable that is not set, a command before the pipe that failed.
  if (content.length === 0) throw wrong("Standard input is empty: for an empty message give the value ''.")
  return content
}

function sentenceOf(result: Published): string {
  const known = result.duplicate ? ' (known already: this is the first result)' : ''
  if ('dueAt' in result) return `Delayed: ${result.id} is due at ${result.dueAt}${known}`
  return `Published: partition ${result.partition}, offset ${result.offset}${known}`
}

function wrong(sentence: string): CallError {
  return new CallError({ code: 'INVALID_ARGUMENT', sentence })
}
