// `dwell publish --file` and `--lines`: one message a line, however many.
//
// Always true:
//   1. Memory is bounded: as much as the publisher holds, and the first few errors.
//   2. A line that is refused takes no other with it. What concerns all of them (nobody answers, no right) ends the reading.
//   3. An interruption ends the reading; what was read is still published, as long as one answer may take, and told of: the line
//      to go on from is known.

import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { SystemClock } from '../../../storage/index.ts'
import { CallError, type Message, type Publisher } from '../../client/index.ts'
import { EXIT, exitCodeOf } from '../exit-codes.ts'
import { answer, tell } from '../terminal.ts'
import { count } from '../words.ts'
import { valueIn } from './forms.ts'
import { Progress } from './progress.ts'
import type { Remote } from './remote.ts'

const ERRORS_SHOWN = 10

export interface Source {
  /** `-` is standard input. */
  path: string
  /** Each line is a value, not a message. */
  isValues: boolean
  /** What all messages have. */
  shared: Omit<Message, 'value'>
  idPrefix?: string
  /** How long to wait for answers after an interruption. */
  endWithinMs: number
}

/** Answers the exit code. @throws CallError INVALID_ARGUMENT; errors of the file */
export async function publishLines(remote: Remote, topic: string, source: Source): Promise<number> {
  const { client, signal } = remote
  const input = source.path === '-' ? { stream: process.stdin, size: undefined } : await fileOf(source.path)
  const lines = createInterface({ input: input.stream, crlfDelay: Number.POSITIVE_INFINITY, signal })
  const publisher = client.publisher(topic)
  const report = new Report(publisher)
  const progress = new Progress(process.stderr, input.size)
  let bytes = 0
  let cancelTimer = () => {}
  const end = () => {
    const timer = new SystemClock().setTimer(() => publisher.abort(signal.reason), source.endWithinMs)
    cancelTimer = () => timer.cancel()
  }
  signal.addEventListener('abort', end, { once: true })
  try {
    for await (const line of lines) {
      if (signal.aborted || report.stopped) break
      report.linesRead++
      bytes += Buffer.byteLength(line) + 1
      if (line.trim() === '') continue
      await publisher.ready()
      report.watch(publishLine(publisher, line, report.linesRead, source))
      progress.show(bytes, `${publisher.stats.published.toLocaleString('en-US')} published`)
    }
    await publisher.close().catch(() => {})
  } finally {
    cancelTimer()
    progress.end()
    input.stream.destroy()
  }
  return report.print(remote)
}

async function publishLine(
  publisher: Publisher,
  line: string,
  number: number,
  { isValues, shared, idPrefix }: Source,
): Promise<void> {
  const message = isValues ? { ...shared, value: valueIn(line) } : { ...shared, ...messageIn(line) }
  if (idPrefix !== undefined) message.id ??= `${idPrefix}-${number}`
  await publisher.publish(message)
}

/** What became of the lines. */
class Report {
  readonly #publisher: Publisher
  readonly #errors: string[] = []
  #failed = 0
  /** Of them, those that nobody said anything about. */
  #unanswered = 0
  #ended: CallError | undefined
  linesRead = 0

  constructor(publisher: Publisher) {
    this.#publisher = publisher
  }

  /** No line can be published any more. */
  get stopped(): boolean {
    return this.#ended !== undefined
  }

  /** Of the line that was read last. */
  watch(published: Promise<void>): void {
    const number = this.linesRead
    published.catch((error: Error) => {
      this.#failed++
      if (error instanceof CallError && concernsAll(error)) {
        this.#unanswered++
        return this.#end(error)
      }
      const sentence = error.message.replace(/^Line \d+: /, '')
      if (this.#errors.length < ERRORS_SHOWN) this.#errors.push(`Line ${number}: ${sentence}`)
    })
  }

  /** Answers the exit code. */
  async print(remote: Remote): Promise<number> {
    const { notes, json, signal } = remote
    const { published, duplicates } = this.#publisher.stats
    if (!json) {
      for (const error of this.#errors) await notes.line(error, 'red')
      const more = this.#failed - this.#errors.length
      if (more > 0 && this.#ended === undefined) await notes.line(`… and ${count(more, 'more line')}.`, 'red')
      if (signal.aborted) {
        const rest = this.#unanswered === 0 ? 'none is left to be published' : `${this.#unanswered} had no answer`
        await notes.line(`Interrupted: of the lines 1 to ${this.linesRead} ${rest}.`)
      }
    }
    const known = duplicates === 0 ? '' : `, of which ${duplicates.toLocaleString('en-US')} were known already`
    const document = { published, duplicates, failed: this.#failed, linesRead: this.linesRead, errors: this.#errors }
    await answer(remote, document, `Published ${count(published, 'message')}${known}.`)
    if (signal.aborted) return EXIT.INTERRUPTED
    if (this.#ended !== undefined) {
      await tell(remote, this.#ended)
      return exitCodeOf(this.#ended)
    }
    return this.#failed > 0 ? EXIT.REFUSED : EXIT.DONE
  }

  #end(error: CallError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.#publisher.abort(error)
  }
}

/** Whether other lines would fare no better; a refusal of one of several names its line. */
function concernsAll({ code, status, fields }: CallError): boolean {
  if (code === 'INVALID_ARGUMENT' || typeof fields.line === 'number') return false
  return (status !== 400 && status !== 413) || code === 'INVALID_NAME'
}

/** @throws an error that says what is wrong with the line */
function messageIn(line: string): Message {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch (error) {
    throw new Error(`This is no JSON: ${(error as Error).message}.`)
  }
  if (typeof message === 'object' && message !== null && !Array.isArray(message)) return message as Message
  throw new Error('This is no message, which is an object with a value: {"value": …}.')
}

/** @throws CallError INVALID_ARGUMENT for a folder; errors of the file */
async function fileOf(path: string): Promise<{ stream: Readable; size: number }> {
  const file = await open(path)
  const stat = await file.stat()
  if (!stat.isDirectory()) return { stream: file.createReadStream(), size: stat.size }
  await file.close()
  throw new CallError({ code: 'INVALID_ARGUMENT', sentence: `${path} is a folder.` })
}
