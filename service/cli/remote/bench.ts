// `dwell bench`: a small load against a service, to see what it does on its machine: how many messages a second are published and
// consumed, and how late delayed ones arrive. It makes a topic of its own and deletes it.
//
// Lateness is measured by one clock, this machine's, from before the publish is sent to the arrival here, less the delay: the way to
// the service and back is in it. The figures of `npm run bench` are measured closer; these are for comparing.

import type { Command } from 'commander'
import { SystemClock, SystemRandom } from '../../../storage/index.ts'
import { CallError, type DwellClient } from '../../client/index.ts'
import { answer } from '../terminal.ts'
import { countOf, durationOf, msOf } from './forms.ts'
import { quantile } from './quantile.ts'
import { addRemote, type Given, type Remote } from './remote.ts'
import { table } from './table.ts'

const DELAYED = 200
const DELAY_MS = 1_000
const SECONDS_MAX = 600
const GROUP = 'bench'

interface Figures {
  messages: number
  sizeBytes: number
  publishPerSecond: number
  consumePerSecond: number
  latenessMs: { p50: number; p99: number; max: number }
}

/** Adds the command to `program`. */
export function addBench(program: Command, environment: NodeJS.ProcessEnv): void {
  addRemote(program, environment, {
    usage: 'bench',
    description:
      'Puts a small load on a service and tells its rates and lateness. Makes a topic of its own and deletes it.',
    options: (command) =>
      command
        .option('--for <duration>', 'how long to publish', durationOf, '5s')
        .option('--size <bytes>', 'of each value', countOf, '1000')
        .option('--requests <count>', 'publish requests at a time', countOf, '2'),
    examples: ['dwell bench --for 1s', 'dwell bench --for 1s --size 100 --json'],
    run: bench,
  })
}

async function bench(remote: Remote, _args: string[], given: Given): Promise<number> {
  const { client, notes, signal } = remote
  const forMs = msOf(given.for as string)
  if (forMs > SECONDS_MAX * 1000)
    throw new CallError({ code: 'INVALID_ARGUMENT', sentence: `--for is at most ${SECONDS_MAX} s.` })
  const topic = `dwell-bench-${new SystemRandom().bytes(6).toString('hex')}`
  await client.topics.put(topic, { partitions: 4, retention: '1h' }, { signal })
  try {
    const load = { topic, forMs, sizeBytes: Number(given.size), requests: Number(given.requests), signal }
    const figures = await measure(client, load)
    return await answer(remote, figures, linesOf(figures))
  } finally {
    await client.topics
      .delete(topic)
      .catch((error: Error) => notes.line(`The topic ${topic} is still there: ${error.message}`, 'yellow'))
  }
}

interface Load {
  topic: string
  forMs: number
  sizeBytes: number
  requests: number
  signal: AbortSignal
}

async function measure(client: DwellClient, load: Load): Promise<Figures> {
  const clock = new SystemClock()
  const { topic, forMs, sizeBytes, requests, signal } = load
  const value = 'x'.repeat(sizeBytes)
  const publisher = client.publisher(topic, { requestsMax: requests })
  signal.addEventListener('abort', () => publisher.abort(signal.reason), { once: true })
  const beganMs = clock.monotonicMs()
  let messages = 0
  while (clock.monotonicMs() - beganMs < forMs && !signal.aborted) {
    await publisher.ready()
    void publisher.publish({ value, key: String(messages % 1_000) })
    messages++
  }
  await publisher.close()
  const publishedMs = clock.monotonicMs() - beganMs
  const consumedMs = await consumed(client, clock, load, messages)
  const latenesses = await latenessesOf(client, clock, load)
  return {
    messages,
    sizeBytes,
    publishPerSecond: Math.round((messages / publishedMs) * 1000),
    consumePerSecond: Math.round((messages / consumedMs) * 1000),
    latenessMs: {
      p50: Math.round(quantile(latenesses, 0.5)),
      p99: Math.round(quantile(latenesses, 0.99)),
      max: Math.round(quantile(latenesses, 1)),
    },
  }
}

/** How long it took to acquire and accept all of them. */
async function consumed(
  client: DwellClient,
  clock: SystemClock,
  { topic, signal }: Load,
  messages: number,
): Promise<number> {
  const beganMs = clock.monotonicMs()
  const group = client.group(topic, GROUP)
  for (let done = 0; done < messages; ) {
    const { records } = await group.acquire({ max: 1_000, waitMs: 5_000, signal })
    if (records.length > 0)
      await group.acknowledge(
        records.map(({ receipt }) => ({ receipt, type: 'accept' })),
        { signal },
      )
    done += records.length
  }
  return clock.monotonicMs() - beganMs
}

/** Milliseconds each, of messages that fall due one after the other. */
async function latenessesOf(client: DwellClient, clock: SystemClock, { topic, signal }: Load): Promise<number[]> {
  const dueMs = new Map<number, number>()
  const latenesses: number[] = []
  const all = Promise.withResolvers<void>()
  const consumer = client.consume<number>(
    topic,
    GROUP,
    ({ value }) => {
      latenesses.push(Math.max(0, clock.monotonicMs() - (dueMs.get(value) ?? Number.NaN)))
      if (latenesses.length === DELAYED) all.resolve()
    },
    { concurrency: DELAYED, signal },
  )
  // It may be interrupted before anybody waits.
  all.promise.catch(() => {})
  signal.addEventListener('abort', () => all.reject(signal.reason), { once: true })
  consumer.done.catch(all.reject)
  try {
    const messages = Array.from({ length: DELAYED }, (_, i) => ({ value: i, delay: DELAY_MS + i * 5 }))
    const sentMs = clock.monotonicMs()
    const results = await client.publish(topic, messages, { signal })
    // The service and this machine may disagree about what time it is, but not about how far apart two times are.
    const dueAtMs = results.map((result) => ('dueAtMs' in result ? result.dueAtMs : Number.NaN))
    for (const [i, ms] of dueAtMs.entries()) dueMs.set(i, sentMs + DELAY_MS + ms - dueAtMs[0])
    await all.promise
    return latenesses
  } finally {
    await consumer.stop()
  }
}

function linesOf({ messages, sizeBytes, publishPerSecond, consumePerSecond, latenessMs }: Figures): string[] {
  const { p50, p99, max } = latenessMs
  const rows = [
    {
      figure: 'publish',
      value: `${publishPerSecond} messages/s`,
      of: `${messages} messages of ${sizeBytes} bytes, durable`,
    },
    { figure: 'consume', value: `${consumePerSecond} messages/s`, of: 'acquired and accepted, 1,000 at a time' },
    {
      figure: 'lateness',
      value: `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`,
      of: `${DELAYED} messages delayed by ${DELAY_MS} ms and more`,
    },
  ]
  return table(rows, { FIGURE: 'figure', VALUE: 'value', OF: 'of' })
}
