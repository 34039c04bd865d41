// How long after its due time a message is in the hands of a waiting consumer.

import { numberOf } from '../crash/publish-request.ts'
import { BenchServer } from './bench-server.ts'
import { fill } from './consume.ts'
import { printTable, quantile, type Row } from './table.ts'

const FEW = 100
const MANY = 10_000

export async function lateness(): Promise<void> {
  const server = await BenchServer.start()
  try {
    const rows = [
      row(`${FEW} messages, each 2 s`, FEW, await few(server)),
      row(`${MANY} messages, 1 to 20 s`, MANY, await many(server)),
    ]
    printTable(
      'lateness: acquired − due, in ms',
      'one group waiting with acquire, max 500; due times as answered or asked',
      rows,
    )
  } finally {
    await server.stop()
  }
}

interface Arrivals {
  lateMs: number[]
  twice: number
}

async function few(server: BenchServer): Promise<Arrivals> {
  const due = new Map<number, number>()
  await server.call('PUT', '/v1/topics/few', { partitions: 4 })
  const arrivals = collect(server, 'few', due, FEW)
  for (let n = 0; n < FEW; n++) {
    const message = { value: { n }, delay: '2s' }
    const { results } = (await server.call('POST', '/v1/topics/few/messages', message)) as {
      results: { dueAtMs: number }[]
    }
    due.set(n, results[0].dueAtMs)
    await new Promise((resolve) => setTimeout(resolve, 17))
  }
  return arrivals
}

async function many(server: BenchServer): Promise<Arrivals> {
  const due = new Map<number, number>()
  await server.call('PUT', '/v1/topics/many', { partitions: 4 })
  const arrivals = collect(server, 'many', due, MANY)
  await fill(server, 'many', MANY, (n) => {
    const deliverAt = Date.now() + 1_000 + Math.floor(Math.random() * 19_000)
    due.set(n, deliverAt)
    return { value: { n }, deliverAt }
  })
  return arrivals
}

/** Acquires and accepts until all came, then a second longer in case one comes twice. */
async function collect(server: BenchServer, topic: string, due: Map<number, number>, count: number): Promise<Arrivals> {
  const base = `/v1/topics/${topic}/groups/billing`
  const lateMs = new Map<number, number>()
  let twice = 0
  let untilMs = Date.now() + 60_000
  while (Date.now() < untilMs) {
    const wait = Math.max(1, Math.min(20_000, untilMs - Date.now()))
    const answer = (await server.call('POST', `${base}/acquire`, { max: 500, wait })) as AcquireAnswer
    const nowMs = Date.now()
    for (const { value } of answer.records) {
      const n = numberOf(value)
      if (lateMs.has(n)) twice++
      else lateMs.set(n, nowMs - (due.get(n) as number))
    }
    if (answer.records.length === 0) continue
    const acknowledgements = answer.records.map(({ receipt }) => ({ receipt, type: 'accept' }))
    await server.call('POST', `${base}/acknowledge`, { acknowledgements })
    if (lateMs.size === count) untilMs = Math.min(untilMs, Date.now() + 1_000)
  }
  return { lateMs: [...lateMs.values()], twice }
}

interface AcquireAnswer {
  records: { value: unknown; receipt: string }[]
}

function row(what: string, count: number, { lateMs, twice }: Arrivals): Row {
  const sorted = lateMs.toSorted((a, b) => a - b)
  return {
    what,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    max: sorted[sorted.length - 1],
    early: sorted.filter((ms) => ms < 0).length,
    twice,
    missing: count - sorted.length,
  }
}
