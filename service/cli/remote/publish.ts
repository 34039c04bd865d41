// `dwell publish`: messages out of arguments, standard input, or a file with one message a line.

import { isUtf8 } from 'node:buffer'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import { CallError, type Message, type Published } from '../../client/index.ts'
import { count } from '../words.ts'
import { EXIT } from './exit-codes.ts'
import { mapOf, pairsOf, sentDuration, sentTime, valueIn, wholeOf } from './forms.ts'
import { Progress } from './progress.ts'
import { addRemote, type Given, type Remote } from './remote.ts'

const ERRORS_SHOWN = 10

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
  const { file, lines, text, idPrefix } = given
  if (values.length > 0 && (file !== undefined || lines))
    throw wrong('Give values, --lines or --file, not several of them.')
  const shared = sharedOf(given)
  if (file !== undefined || lines) {
    if (shared.id !== undefined) throw wrong('An --id is for one message; for many there is --id-prefix.')
    return publishMany(remote, topic, shared, {
      path: lines ? '-' : (file as string),
      lines: lines === true,
      idPrefix: idPrefix as string | undefined,
    })
  }
  if (values.length > 1 && shared.id !== undefined) throw wrong('An --id is for one message.')
  const contents = values.length > 0 ? values.map((value) => (text ? value : valueIn(value))) : [await standardInput()]
  const results = await remote.client.publish(
    topic,
    contents.map((value) => ({ ...shared, value })),
    { signal: remote.stopping, generateIds: false },
  )
  if (remote.json) await remote.output.line(JSON.stringify({ results }))
  else for (const result of results) await remote.output.line(sentenceOf(result))
  return EXIT.DONE
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

interface Source {
  path: string
  /** Each line is a value, not a message. */
  lines: boolean
  idPrefix?: string
}

async function publishMany(
  { client, output, notes, json, stopping }: Remote,
  topic: string,
  shared: Omit<Message, 'value'>,
  { path, lines, idPrefix }: Source,
): Promise<number> {
  const publisher = client.publisher(topic)
  stopping.addEventListener('abort', () => publisher.abort(stopping.reason), { once: true })
  const { lines: source, size } =
    path === '-' ? { lines: createInterface({ input: process.stdin }), size: undefined } : await linesOf(path)
  const progress = new Progress(process.stderr, size)
  const errors: string[] = []
  let number = 0
  let bytes = 0
  for await (const line of source) {
    number++
    bytes += Buffer.byteLength(line) + 1
    if (stopping.aborted) break
    if (line.trim() === '') continue
    const at = number
    const message = messageOf(line, lines, shared)
    if (idPrefix !== undefined && typeof message === 'object') message.id ??= `${idPrefix}-${at}`
    await publisher.ready()
    const published = typeof message === 'string' ? Promise.reject(new Error(message)) : publisher.publish(message)
    published.catch((error: Error) => errors.push(`Line ${at}: ${error.message.replace(/^Line \d+: /, '')}`))
    progress.show(bytes, `${publisher.stats.published.toLocaleString('en-US')} published`)
  }
  await publisher.close().catch(() => {})
  progress.end()
  const { published, duplicates } = publisher.stats
  if (json)
    await output.line(
      JSON.stringify({ published, duplicates, failed: errors.length, errors: errors.slice(0, ERRORS_SHOWN) }),
    )
  else {
    for (const error of errors.slice(0, ERRORS_SHOWN)) await notes.line(error, 'red')
    if (errors.length > ERRORS_SHOWN)
      await notes.line(`… and ${count(errors.length - ERRORS_SHOWN, 'more line')}.`, 'red')
    const known = duplicates === 0 ? '' : `, of which ${duplicates.toLocaleString('en-US')} were known already`
    await output.line(`Published ${count(published, 'message')}${known}.`)
  }
  return errors.length > 0 || stopping.aborted ? EXIT.REFUSED : EXIT.DONE
}

/** The message that a line holds, or what is wrong with it. */
function messageOf(line: string, isValue: boolean, shared: Omit<Message, 'value'>): Message | string {
  if (isValue) return { ...shared, value: valueIn(line) }
  try {
    const message = JSON.parse(line) as Message
    if (typeof message === 'object' && message !== null && !Array.isArray(message)) return { ...shared, ...message }
    return 'This is no message, which is an object with a value: {"value": …}.'
  } catch (error) {
    return `This is no JSON: ${(error as Error).message}.`
  }
}

async function standardInput(): Promise<string | Uint8Array> {
  const bytes = await buffer(process.stdin)
  // A line end at the end is the shell's.
  return isUtf8(bytes) ? bytes.toString().replace(/\r?\n$/, '') : bytes
}

/** @throws CallError INVALID_ARGUMENT */
async function linesOf(path: string): Promise<{ lines: AsyncIterable<string>; size: number }> {
  try {
    const file = await open(path)
    const stat = await file.stat()
    if (!stat.isDirectory()) return { lines: file.readLines(), size: stat.size }
    await file.close()
    throw new Error('it is a folder')
  } catch (error) {
    throw wrong(`${path} cannot be read: ${(error as Error).message}.`)
  }
}

function sentenceOf(result: Published): string {
  const known = result.duplicate ? ' (known already: this is the first result)' : ''
  if ('dueAt' in result) return `Delayed: ${result.id} is due at ${result.dueAt}${known}`
  return `Published: partition ${result.partition}, offset ${result.offset}${known}`
}

function wrong(sentence: string): CallError {
  return new CallError({ code: 'INVALID_ARGUMENT', sentence })
}
