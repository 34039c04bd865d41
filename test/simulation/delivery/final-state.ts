// Reads what stands in the logs and the lists of a simulated machine, as the checker judges it.

import { decodeRecordBody, type LogEngine } from '../../../storage/index.ts'
import type { FinalGroup, FinalState } from '../../checker/final-state.ts'
import type { DescribedTopic } from '../../checker/history.ts'
import { numberOf } from '../../crash/publish-request.ts'
import { readPartition } from '../checks.ts'
import { GROUPS, type GroupProcess, TOPIC } from './consumers.ts'
import type { SimulatedHistory } from './simulated-history.ts'

const LETTERS_MAX = 1_000_000

export async function readFinalState(process: GroupProcess, history: SimulatedHistory): Promise<FinalState> {
  const { engine, groups } = process
  history.note('final read')
  const state: FinalState = { topics: {}, described: {}, groups: [], redrives: [] }
  const names = [...engine.topics()].map(({ name }) => name).filter((name) => name.startsWith(TOPIC))
  for (const topic of names.sort()) {
    state.described[topic] = describe(engine, topic)
    const op = history.invoke('describe', { topic })
    history.ok(op, 'describe', state.described[topic])
    state.topics[topic] = []
    for (const partition of state.described[topic].partitions.keys()) {
      const reading = history.invoke('read', { topic, partition })
      const records = await readAll(engine, history, topic, partition)
      history.ok(reading, 'read', { records })
      for (const record of records) state.topics[topic].push({ partition, ...record })
    }
  }
  for (const group of GROUPS) state.groups.push(await readGroup(process, group))
  for (const { task, topic, group, state: how, matched, moved, failed } of groups.deadLetters.redrives.list())
    state.redrives.push({ task, topic, group, state: how, matched, moved, failed })
  return state
}

function describe(engine: LogEngine, topic: string): DescribedTopic {
  const { partitions = 0, cleanup = 'delete' } = engine.topic(topic) ?? {}
  const offsets = Array.from({ length: partitions }, (_, partition) => engine.offsets(topic, partition))
  return {
    cleanup,
    retentionBytes: null,
    partitions: offsets.map(({ logStartOffset, highWatermark }) => ({ logStartOffset, highWatermark, sizeBytes: 0 })),
  }
}

async function readAll(engine: LogEngine, history: SimulatedHistory, topic: string, partition: number) {
  const records: { offset: number; timestampMs: number; n: number; key?: string }[] = []
  const wrong = await readPartition(engine, topic, partition, ({ offset, timestampMs, body }) => {
    const { key, value } = decodeRecordBody(body)
    const n = numberOf(String(value))
    records.push({ offset, timestampMs: history.timeOf(timestampMs), n, key: key === null ? undefined : String(key) })
  })
  if (wrong !== undefined) throw new Error(wrong)
  return records
}

async function readGroup({ groups, hand, wheel }: GroupProcess, group: string): Promise<FinalGroup> {
  const { partitions } = groups.describe(TOPIC, group)
  const sum = (count: (partition: (typeof partitions)[number]) => number) =>
    partitions.reduce((all, one) => all + count(one), 0)
  const { records } = await groups.deadLetters.list(TOPIC, group, { limit: LETTERS_MAX })
  const { reasons, others } = await groups.deadLetters.reasons(TOPIC, group)
  const untilMs = Math.ceil((hand.nowMs() + 1_000) / 1_000) * 1_000
  const { ready, inFlight, dueSoon } = await groups.scale(
    TOPIC,
    group,
    (wheel as NonNullable<typeof wheel>).census,
    untilMs,
  )
  return {
    topic: TOPIC,
    group,
    lag: sum(({ lag }) => lag),
    inFlight: sum((partition) => partition.inFlight),
    waiting: sum(({ waiting }) => waiting.reduce((all, { count }) => all + count, 0)),
    scale: { ready, inFlight, dueSoon },
    dead: records.map(({ body, cause, attempts, partition, offset, place }) => ({
      n: numberOf(String(decodeRecordBody(body).value)),
      cause,
      attempts: attempts.length,
      partition,
      offset,
      place: { partition: place.partition, offset: place.offset },
    })),
    deadCounts: {
      'the group': sum(({ dead }) => dead),
      'the count': await groups.deadLetters.count(TOPIC, group),
      'the sum of the reasons': reasons.reduce((all, one) => all + one.count, others),
    },
  }
}
