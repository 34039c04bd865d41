// Reads what stands in the logs and the lists, over HTTP as anybody could; what is read goes into the history.

import type { FinalGroup, FinalRecord, FinalRedrive, FinalState } from '../checker/final-state.ts'
import type { DescribedTopic, History } from '../checker/history.ts'
import type { HttpClient } from '../support/http-client.ts'
import { numberOf } from './publish-request.ts'
import { describe, explain, get, lookUp, readPage, scrape } from './reading.ts'
import { GROUPS, TOPICS } from './topics.ts'

/** Of the dead letters, and of the records, of each group. */
const EXPLAINED = 15

export async function readFinalState(
  client: HttpClient,
  history: History,
  delayed: readonly { topic: string; id: string; n: number }[],
): Promise<FinalState> {
  history.note('final read')
  const { topics } = (await get(client, '/v1/topics')) as { topics: { topic?: string; name?: string }[] }
  const state: FinalState = { topics: {}, described: {}, groups: [], redrives: [] }
  for (const one of topics) {
    const topic = (one.topic ?? one.name) as string
    state.described[topic] = await describe(client, history, topic)
    if (isOurs(topic)) state.topics[topic] = await readTopic(client, history, topic, state.described[topic])
  }
  for (const { topic, group } of GROUPS) state.groups.push(await readGroup(client, topic, group))
  await explainSome(client, history, state)
  const { redrives } = (await get(client, '/v1/redrives')) as { redrives: FinalRedrive[] }
  for (const { task, topic, group, state: how, matched, moved, failed } of redrives)
    state.redrives.push({ task, topic, group, state: how, matched, moved, failed })
  for (let i = 0; i < delayed.length; i += 32) {
    await Promise.all(delayed.slice(i, i + 32).map((one) => lookUp(client, history, one)))
  }
  await scrape(client, history)
  return state
}

/** Some of the records of each group, dead ones among them. */
async function explainSome(client: HttpClient, history: History, { topics, groups }: FinalState): Promise<void> {
  for (const { topic, group, dead } of groups) {
    const places = [...dead.slice(-EXPLAINED), ...topics[topic].slice(-EXPLAINED)]
    for (const { partition, offset } of places) await explain(client, history, { topic, group, partition, offset })
  }
}

function isOurs(topic: string): boolean {
  return Object.keys(TOPICS).some((name) => topic === name || topic.startsWith(`${name}.`))
}

async function readTopic(
  client: HttpClient,
  history: History,
  topic: string,
  { partitions }: DescribedTopic,
): Promise<FinalRecord[]> {
  const found: FinalRecord[] = []
  for (const partition of partitions.keys()) {
    const { logStartOffset, highWatermark } = partitions[partition]
    for (let from = logStartOffset; from < highWatermark; ) {
      const { records, nextOffset } = await readPage(client, history, { topic, partition, from })
      for (const record of records) found.push({ partition, ...record })
      from = nextOffset
    }
  }
  return found
}

async function readGroup(client: HttpClient, topic: string, group: string): Promise<FinalGroup> {
  const base = `/v1/topics/${topic}/groups/${group}`
  const { partitions } = (await get(client, base)) as { partitions: PartitionJson[] }
  const sum = (count: (partition: PartitionJson) => number) => partitions.reduce((all, one) => all + count(one), 0)
  const dead: FinalGroup['dead'] = []
  let after: string | null = null
  do {
    const query: string = after === null ? '' : `&after=${encodeURIComponent(after)}`
    const page = (await get(client, `${base}/dead-letters?limit=500${query}`)) as {
      records: DeadLetterJson[]
      after: string | null
    }
    for (const { value, cause, attempts, partition, offset, deadLetter } of page.records) {
      const place = { partition: deadLetter.partition, offset: deadLetter.offset }
      dead.push({ n: numberOf(value), cause, attempts: attempts.length, partition, offset, place })
    }
    after = page.after
  } while (after !== null)
  return {
    topic,
    group,
    lag: sum(({ lag }) => lag),
    inFlight: sum(({ inFlight }) => inFlight),
    waiting: sum(({ waiting }) => Object.values(waiting).reduce((all, count) => all + count, 0)),
    scale: (await get(client, `${base}/scale?within=2s`)) as FinalGroup['scale'],
    dead,
    deadCounts: { 'the group': sum((partition) => partition.dead), ...(await countDead(client, base)) },
  }
}

/** How many dead letters there are, by each way to ask. */
async function countDead(client: HttpClient, base: string): Promise<Record<string, number>> {
  const { count } = (await get(client, `${base}/dead-letters/count`)) as { count: number }
  const { reasons, others } = (await get(client, `${base}/dead-letters/reasons`)) as {
    reasons: { count: number }[]
    others: number
  }
  const dryRun = await client.call('POST', `${base}/dead-letters/redrive`, { body: { dryRun: true } })
  return {
    'the count': count,
    'a dry run': (dryRun.json as { count: number }).count,
    'the sum of the reasons': reasons.reduce((all, one) => all + one.count, others),
  }
}

interface PartitionJson {
  lag: number
  inFlight: number
  waiting: Record<string, number>
  dead: number
}

interface DeadLetterJson {
  value: unknown
  cause: string
  attempts: unknown[]
  partition: number
  offset: number
  deadLetter: { partition: number; offset: number }
}
