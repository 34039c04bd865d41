// The client while its server is killed (SIGKILL) and started again, many times: every message is published once and consumed at
// least once, and no promise is left rejected without anybody to see it. By hand, whole:
//
//   node test/service/client/killed-server.ts --messages 100000 --kills 10
//
// What was published is judged by the log itself, partition by partition, not by what the client was told.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type CallError, DwellClient } from '../../../service/client/index.ts'
import { DwellProcess, freePort } from '../../support/dwell-process.ts'

const TOPIC = 'orders'
const PARTITIONS = 4
const READ_LIMIT = 10_000
/** No record dies of the kills: each costs those in hand a try. */
const RETRY = Array.from({ length: 12 }, (_, i) => `${100 + 50 * i}ms`)
const WITHIN_MS = 240_000

export interface Outcome {
  messages: number
  kills: number
  lost: number
  publishedTwice: number
  notConsumed: number
  unhandledRejections: number
  publishFailures: number
  /** Publish requests that took several tries. */
  requestsRepeated: number
  deliveries: number
  errorsSurvived: Record<string, number>
  seconds: number
}

export async function runUnderKills({ messages, kills }: { messages: number; kills: number }): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), 'dwell-killed-'))
  const port = await freePort()
  const start = () => {
    return DwellProcess.start({ dataDirectory: join(directory, 'data'), logPath: join(directory, 'log'), port })
  }
  let unhandledRejections = 0
  const count = () => unhandledRejections++
  process.on('unhandledRejection', count)
  let server = await start()
  const client = new DwellClient({ url: `http://127.0.0.1:${port}` })
  const beganMs = performance.now()
  try {
    await client.topics.put(TOPIC, { partitions: PARTITIONS })
    await client.group(TOPIC, 'g').put({ retry: RETRY })
    const seen = new Set<number>()
    const errorsSurvived: Record<string, number> = {}
    const onError = ({ code }: CallError) => {
      errorsSurvived[code] = (errorsSurvived[code] ?? 0) + 1
    }
    const consumer = client.consume<number>(TOPIC, 'g', ({ value }) => void seen.add(value), {
      concurrency: 256,
      lockMs: 5_000,
      onError,
    })
    const publisher = client.publisher(TOPIC, { bufferMessagesMax: 4_000, requestMessagesMax: 500 })
    const publishing = publisher.publishAll(
      (function* () {
        for (let value = 0; value < messages; value++) yield { value, key: `key-${value % 1_000}` }
      })(),
    )
    publishing.catch(() => {})
    for (let kill = 1; kill <= kills; kill++) {
      // The kills lie between the first and the last message, whatever the speed of the machine.
      await until(() => publisher.stats.published >= (messages * kill) / (kills + 1), 1)
      await server.kill()
      server = await start()
    }
    await publishing
    await until(() => seen.size === messages, 50)
    await consumer.stop()
    const copies = await copiesInLog(client)
    const values = Array.from({ length: messages }, (_, value) => copies.get(value) ?? 0)
    // What nobody waits for any more has had its chance to reject.
    await new Promise((resolve) => setImmediate(resolve))
    return {
      messages,
      kills,
      lost: values.filter((copies) => copies === 0).length,
      publishedTwice: values.filter((copies) => copies > 1).length,
      notConsumed: messages - seen.size,
      unhandledRejections,
      publishFailures: publisher.stats.failed,
      requestsRepeated: publisher.stats.repeated,
      deliveries: consumer.stats.acquired,
      errorsSurvived,
      seconds: Math.round((performance.now() - beganMs) / 100) / 10,
    }
  } finally {
    client.close()
    await server.kill()
    process.off('unhandledRejection', count)
    rmSync(directory, { recursive: true, force: true })
  }
}

async function copiesInLog(client: DwellClient): Promise<Map<number, number>> {
  const copies = new Map<number, number>()
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (let offset = 0, end = 1; offset < end; ) {
      const page = await client.topics.records<number>(TOPIC, partition, { offset, limit: READ_LIMIT })
      for (const { value } of page.records) copies.set(value, (copies.get(value) ?? 0) + 1)
      offset = page.nextOffset
      end = page.highWatermark
    }
  }
  return copies
}

/** Processes have no clock that a test could move. */
async function until(isSo: () => boolean, everyMs: number): Promise<void> {
  const beganMs = performance.now()
  while (!isSo()) {
    if (performance.now() - beganMs > WITHIN_MS) return
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { messages: { type: 'string', default: '100000' }, kills: { type: 'string', default: '10' } } }) // biome-ignore format: short
  const outcome = await runUnderKills({ messages: Number(values.messages), kills: Number(values.kills) })
  console.log(JSON.stringify(outcome, null, 2))
  const { lost, publishedTwice, notConsumed, unhandledRejections, publishFailures } = outcome
  process.exitCode = lost + publishedTwice + notConsumed + unhandledRejections + publishFailures === 0 ? 0 : 1
}
