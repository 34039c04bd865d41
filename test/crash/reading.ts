// Single reads over HTTP, of a server that is there to answer, each with what it says in the history.

import type { Counters, DescribedTopic, History, OfGroup, OfMessage, ReadRecord, State } from '../checker/history.ts'
import type { HttpClient } from '../support/http-client.ts'
import { numberOf } from './publish-request.ts'

const PAGE = 1_000

export async function describe(client: HttpClient, history: History, topic: string): Promise<DescribedTopic> {
  const op = history.invoke('describe', { topic })
  const described = describedIn(await get(client, `/v1/topics/${topic}`))
  history.ok(op, 'describe', described)
  return described
}

export interface PageFrom {
  topic: string
  partition: number
  /** Of what the log has from there on. */
  from: number
}

/** Reads a page of a partition, which goes on behind `from`. */
export async function readPage(
  client: HttpClient,
  history: History,
  { topic, partition, from }: PageFrom,
): Promise<{ records: ReadRecord[]; nextOffset: number }> {
  const path = `/v1/topics/${topic}/partitions/${partition}/records?offset=${from}&limit=${PAGE}`
  const op = history.invoke('read', { topic, partition })
  const page = (await get(client, path)) as { nextOffset: number }
  if (page.nextOffset <= from) throw new Error(`${path} does not go on`)
  const records = recordsIn(page)
  history.ok(op, 'read', { records })
  return { records, nextOffset: page.nextOffset }
}

export async function lookUp(client: HttpClient, history: History, { topic, id, n }: OfMessage): Promise<void> {
  const op = history.invoke('look up', { topic, id, n })
  const answer = await client.call('GET', `/v1/topics/${topic}/delayed/${encodeURIComponent(id)}`)
  const { state, dueAtMs, partition, offset } = answer.json as {
    state: State
    dueAtMs?: number
    partition?: number
    offset?: number
  }
  if (answer.status === 404) history.ok(op, 'look up', { state: 'unknown' })
  else history.ok(op, 'look up', { state, dueAtMs, partition, offset })
}

/** Asks where a record is, for a group. */
export async function explain(
  client: HttpClient,
  history: History,
  asked: OfGroup & { partition: number; offset: number },
): Promise<void> {
  const op = history.invoke('explain', asked)
  const { state } = (await get(client, explainPath(asked))) as { state: string }
  history.ok(op, 'explain', { state })
}

export function explainPath({
  topic,
  group,
  partition,
  offset,
}: OfGroup & { partition: number; offset: number }): string {
  return `/v1/topics/${topic}/explain?partition=${partition}&offset=${offset}&group=${group}`
}

export async function scrape(client: HttpClient, history: History): Promise<void> {
  const op = history.invoke('metrics', {})
  history.ok(op, 'metrics', countersIn((await client.call('GET', '/metrics')).text))
}

export async function get(client: HttpClient, path: string): Promise<unknown> {
  const answer = await client.call('GET', path)
  if (answer.status !== 200) throw new Error(`GET ${path} answers ${answer.status} ${answer.text.slice(0, 300)}`)
  return answer.json
}

/** What a topic says of itself, as far as a history keeps it. */
export function describedIn(json: unknown): DescribedTopic {
  const { cleanup, retentionBytes, partitions } = json as DescribedTopic
  return {
    cleanup,
    retentionBytes,
    partitions: partitions.map(({ logStartOffset, highWatermark, sizeBytes }) => {
      return { logStartOffset, highWatermark, sizeBytes }
    }),
  }
}

/** The records of a page, as a history keeps them. */
export function recordsIn(json: unknown): ReadRecord[] {
  const { records = [] } = json as {
    records?: { offset: number; timestamp: string; key: string | null; value: unknown }[]
  }
  return records.map(({ offset, timestamp, key, value }) => {
    return { offset, timestampMs: Date.parse(timestamp), n: numberOf(value), key: key ?? undefined }
  })
}

/** The counters of the server in what it tells Prometheus. */
export function countersIn(text: string): Counters {
  const read = (series: string) => Number(new RegExp(`^${series} (\\S+)$`, 'm').exec(text)?.[1])
  return {
    pending: read('dwell_delayed_pending'),
    publishedNow: read('dwell_published_total\\{kind="now"\\}'),
    publishedDelayed: read('dwell_published_total\\{kind="delayed"\\}'),
    dispatched: read('dwell_dispatched_total'),
    cancelled: read('dwell_cancelled_total'),
    dead:
      read('dwell_dead_letters_total\\{cause="CLIENT_REJECT"\\}') +
      read('dwell_dead_letters_total\\{cause="DELIVERY_COUNT_EXCEEDED"\\}'),
    redriven: read('dwell_dead_letters_redriven_total'),
  }
}
