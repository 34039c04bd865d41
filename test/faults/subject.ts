// The real service in a process of its own, to which faults are done; and what its clients know: which messages it has
// acknowledged. Values carry their own number, so that in the end each can be looked for.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { DwellProcess, type Exit, type StartOptions } from '../support/dwell-process.ts'
import type { Answer } from '../support/http-client.ts'
import type { Mount } from './machine.ts'

/** Small files, so that all of them are begun, filled and replaced within seconds. */
export const SMALL: Record<string, string> = {
  DWELL_JOURNAL_FILE_BYTES: '1MiB',
  DWELL_MESSAGE_BYTES_MAX: '256KiB',
  DWELL_CHECKPOINT_BYTES: '2MiB',
  DWELL_CHECKPOINT_INTERVAL: '500ms',
  DWELL_SEGMENT_BYTES: '1MiB',
  DWELL_WHEEL_MEMORY_BYTES: '256KiB',
  DWELL_DEFAULT_PARTITIONS: '1',
}

export interface LogLine {
  level: string
  msg: string
  code?: string
  path?: string
  [field: string]: unknown
}

interface ReadRecord {
  offset: number
  value: string
}

export interface SubjectOptions extends Partial<StartOptions> {
  mount?: Mount
  beside?: Subject
}

export class Subject {
  readonly #t: Test
  readonly #options: StartOptions
  /** For the log of the service and what else a test leaves. */
  readonly folder: string
  readonly dataDirectory: string
  #process: DwellProcess | undefined
  #number = 0
  /** Numbers of the messages that were acknowledged, by topic. */
  readonly acknowledged = new Map<string, Set<number>>()
  /** Numbers of messages for which no answer came: they may be there or not. */
  readonly unknown = new Set<number>()

  /** The data lie on `mount`, else in a folder of the test; `beside` another one there. All of it goes with the test. */
  constructor(t: Test, { mount, beside, ...options }: SubjectOptions = {}) {
    this.#t = t
    // Registered before the folder is made: tap then ends the process first and removes the folder after.
    t.teardown(async () => {
      await this.end()
      if (!t.passing())
        process.stderr.write(
          `${this.lines()
            .slice(-5)
            .map((line) => JSON.stringify(line))
            .join('\n')}\n`,
        )
      mount?.unmount()
    })
    this.folder = beside?.folder ?? t.testdir()
    const suffix = beside === undefined ? '' : '-beside'
    this.dataDirectory = join(mount?.path ?? this.folder, `data${suffix}`)
    this.#options = { dataDirectory: this.dataDirectory, logPath: join(this.folder, `log${suffix}`), ...options }
  }

  /** Starts it; `settings` go over those of the constructor. Killed at the end of the test. */
  async start(settings: Record<string, string> = {}): Promise<DwellProcess> {
    const merged = { ...SMALL, ...this.#options.settings, ...settings }
    this.#process = await DwellProcess.start({ readyWithinMs: 15_000, ...this.#options, settings: merged })
    return this.#process
  }

  get process(): DwellProcess {
    if (this.#process === undefined) throw new Error('it was not started')
    return this.#process
  }

  async end(): Promise<void> {
    if (this.#process?.running) await this.#process.kill()
    this.#process?.client.close()
  }

  /** Publishes `count` messages of about `size` bytes in one request; remembers them when it is answered with success. */
  async publish(topic: string, count: number, size: number, more: Record<string, unknown> = {}): Promise<Answer> {
    const numbers = Array.from({ length: count }, () => this.#number++)
    const messages = numbers.map((number) => {
      const id = more.id === undefined ? undefined : `${more.id}-${number}`
      return { ...more, id, value: `${number} ${'x'.repeat(size)}` }
    })
    let answer: Answer
    try {
      answer = await this.process.client.call('POST', `/v1/topics/${topic}/messages`, { body: { messages } })
    } catch (error) {
      for (const number of numbers) this.unknown.add(number)
      throw error
    }
    const { status } = answer
    if (status === 201) {
      const of = this.acknowledged.get(topic) ?? new Set()
      this.acknowledged.set(topic, of)
      for (const number of numbers) of.add(number)
    }
    return answer
  }

  /** Acquires and accepts until nothing comes for a moment; answers the numbers. */
  async acceptAll(topic: string, wait = '1s'): Promise<number[]> {
    const group = `/v1/topics/${topic}/groups/g`
    const numbers: number[] = []
    for (;;) {
      const { status, json, text } = await this.process.client.call('POST', `${group}/acquire`, {
        body: { max: 200, wait },
      })
      if (status !== 200) throw new Error(`acquire: ${status} ${text}`)
      const { records } = json as { records: { receipt: string; value: string }[] }
      if (records.length === 0) return numbers
      const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'accept' }))
      const accepted = await this.process.client.call('POST', `${group}/acknowledge`, { body: { acknowledgements } })
      if (accepted.status !== 200) throw new Error(`acknowledge: ${accepted.status} ${accepted.text}`)
      numbers.push(...records.map(({ value }) => numberOf(value)))
    }
  }

  /** The numbers that lie in a topic with one partition, in order. */
  async read(topic: string): Promise<number[]> {
    const numbers: number[] = []
    for (let offset = 0; ; ) {
      const path = `/v1/topics/${topic}/partitions/0/records?limit=1000&offset=${offset}`
      const { status, json, text } = await this.process.client.call('GET', path)
      if (status !== 200) throw new Error(`read: ${status} ${text}`)
      const { records, nextOffset } = json as { records: ReadRecord[]; nextOffset: number }
      if (records.length === 0) return numbers
      numbers.push(...records.map(({ value }) => numberOf(value)))
      offset = nextOffset
    }
  }

  /** Nothing that was acknowledged for `topic` is missing, nothing is there twice, and nothing came from nowhere. */
  async checkTopic(topic: string): Promise<void> {
    const found = await this.read(topic)
    const known = this.acknowledged.get(topic) ?? new Set()
    const lost = [...known].filter((number) => !found.includes(number))
    this.#t.strictSame(lost, [], `nothing acknowledged for ${topic} is lost`)
    this.#t.equal(new Set(found).size, found.length, `nothing in ${topic} is there twice`)
    const strange = found.filter((number) => !known.has(number) && !this.unknown.has(number))
    this.#t.strictSame(strange, [], `nothing in ${topic} was refused`)
  }

  async metric(name: string): Promise<number> {
    const { text } = await this.process.client.call('GET', '/metrics')
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  }

  lines(): LogLine[] {
    const lines = readFileSync(this.#options.logPath, 'utf8').trimEnd().split('\n')
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
  }

  /** The process has ended by itself with code 1: what it said last. */
  async lastLine(withinMs = 15_000): Promise<LogLine> {
    const exit = await Promise.race<Exit | 'still running'>([
      this.process.exited,
      new Promise((resolve) => setTimeout(resolve, withinMs, 'still running').unref()),
    ])
    this.#t.strictSame(exit, { code: 1, signal: null }, 'it ends by itself')
    const last = this.lines().at(-1) as LogLine
    this.#t.equal(last.level, 'fatal', 'it says why')
    return last
  }
}

function numberOf(value: string): number {
  return Number.parseInt(value, 10)
}

/** Asks until `is` answers true. Real processes have no clock that a test could move. */
export async function until(is: () => Promise<boolean> | boolean, withinMs: number, what: string): Promise<void> {
  const beganMs = performance.now()
  while (!(await is())) {
    if (performance.now() - beganMs > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
