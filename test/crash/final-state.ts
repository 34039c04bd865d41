// Reads what stands in the logs and the lists, over HTTP as anybody could.

import type { HttpClient } from '../support/http-client.ts'
import type { FinalGroup, FinalRecord, FinalState, FinalTopic } from './history.ts'
import { numberOf } from './publish-request.ts'
import { GROUPS, TOPICS } from './topics.ts'

const PAGE = 1_000

export async function readFinalState(
  client: HttpClient,
  delayed: { topic: string; id: string; n: number }[],
): Promise<FinalState> {
  const { topics } = (await get(client, '/v1/topics')) as { topics: { topic?: string; name?: string }[] }
  const state: FinalState = { topics: {}, described: {}, groups: [], pending: await readPending(client), delayed: [] }
  for (const one of topics) {
    const topic = (one.topic ?? one.name) as string
    state.described[topic] = (await get(client, `/v1/topics/${topic}`)) as FinalTopic
    if (isOurs(topic)) state.topics[topic] = await readTopic(client, topic, state.described[topic])
  }
  for (const { topic, group } of GROUPS) state.groups.push(await readGroup(client, topic, group))
  for (let i = 0; i < delayed.length; i += 32) {
    state.delayed.push(...(await Promise.all(delayed.slice(i, i + 32).map((one) => readDelayed(client, one)))))
  }
  return state
}

function isOurs(topic: string): boolean {
  return Object.keys(TOPICS).some((name) => topic === name || topic.startsWith(`${name}.`))
}

async function readTopic(client: HttpClient, topic: string, { partitions }: FinalTopic): Promise<FinalRecord[]> {
  const found: FinalRecord[] = []
  for (const [partition, { logStartOffset, highWatermark }] of partitions.entries()) {
    for (let from = logStartOffset; from < highWatermark; ) {
      const path = `/v1/topics/${topic}/partitions/${partition}/records?offset=${from}&limit=${PAGE}`
      const { records, nextOffset } = (await get(client, path)) as {
        records: { offset: number; timestamp: string; key: string | null; value: unknown }[]
        nextOffset: number
      }
      if (nextOffset <= from) throw new Error(`${path} does not go on, below the high watermark ${highWatermark}`)
      for (const { offset, timestamp, key, value } of records) {
        const n = numberOf(value)
        found.push({ partition, offset, timestampMs: Date.parse(timestamp), n, key: key ?? undefined })
      }
      from = nextOffset
    }
  }
  return found
}

async function readGroup(client: HttpClient, topic: string, group: string): Promise<FinalGroup> {
  const base = `/v1/topics/${topic}/groups/${group}`
  const described = (await get(client, base)) as { partitions: { lag: number; inFlight: number }[] }
  const final: FinalGroup = { topic, group, lag: 0, inFlight: 0, dead: [] }
  for (const { lag, inFlight } of described.partitions) {
    final.lag += lag
    final.inFlight += inFlight
  }
  let after: string | null = null
  do {
    const query: string = after === null ? '' : `&after=${encodeURIComponent(after)}`
    const page = (await get(client, `${base}/dead-letters?limit=500${query}`)) as {
      records: { value: unknown; cause: string; attempts: unknown[]; partition: number; offset: number }[]
      after: string | null
    }
    for (const { value, cause, attempts, partition, offset } of page.records) {
      final.dead.push({ n: numberOf(value), cause, attempts: attempts.length, partition, offset })
    }
    after = page.after
  } while (after !== null)
  return final
}

async function readDelayed(client: HttpClient, one: { topic: string; id: string; n: number }) {
  const answer = await client.call('GET', `/v1/topics/${one.topic}/delayed/${encodeURIComponent(one.id)}`)
  if (answer.status === 404) return { ...one, state: 'unknown' }
  const { state, partition, offset } = answer.json as { state: string; partition?: number; offset?: number }
  return { ...one, state, partition, offset }
}

async function readPending(client: HttpClient): Promise<number> {
  const { text } = await client.call('GET', '/metrics')
  return Number(/^dwell_delayed_pending (\S+)$/m.exec(text)?.[1])
}

async function get(client: HttpClient, path: string): Promise<unknown> {
  const answer = await client.call('GET', path)
  if (answer.status !== 200) throw new Error(`GET ${path} answers ${answer.status} ${answer.text.slice(0, 300)}`)
  return answer.json
}
