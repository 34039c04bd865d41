// A message that is released each time: when it comes again, and where it ends.

import { BenchServer } from './bench-server.ts'
import { printTable, type Row } from './table.ts'

const MESSAGES = 10
const TIERS_MS = [5_000, 10_000, 15_000]

interface Acquired {
  records: { value: { n: number }; receipt: string; deliveryCount: number; partition: number; offset: number }[]
}

export async function tiers(): Promise<void> {
  const server = await BenchServer.start()
  const base = '/v1/topics/orders/groups/billing'
  try {
    for (let n = 0; n < MESSAGES; n++) {
      await server.call('POST', '/v1/topics/orders/messages', {
        value: { n },
        key: `customer-${n}`,
        headers: { trace: 'abc' },
      })
    }
    const tries: { waitedMs: number; lateMs: number }[][] = TIERS_MS.map(() => [])
    const released = new Map<number, { askedMs: number; dueAtMs: number }>()
    for (let releases = 0; releases < MESSAGES * (TIERS_MS.length + 1); ) {
      const { records } = (await server.call('POST', `${base}/acquire`, { max: 10, wait: '20s' })) as Acquired
      const nowMs = Date.now()
      if (records.length === 0) throw new Error(`nothing came after ${releases} releases`)
      for (const { value, deliveryCount } of records) {
        const last = released.get(value.n)
        if (last) tries[deliveryCount - 2].push({ waitedMs: nowMs - last.askedMs, lateMs: nowMs - last.dueAtMs })
      }
      const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'release', reason: 'bank offline' }))
      const { results } = (await server.call('POST', `${base}/acknowledge`, { acknowledgements })) as Acknowledged
      for (const [i, { value }] of records.entries()) {
        released.set(value.n, { askedMs: nowMs, dueAtMs: Date.parse(results[i].dueAt ?? '') })
      }
      releases += records.length
    }
    const dead = (await server.call('GET', `${base}/dead-letters`)) as { records: DeadLetter[] }
    const rows = tries.map((all, i): Row => {
      const waited = all.map(({ waitedMs }) => waitedMs - TIERS_MS[i])
      const late = all.map(({ lateMs }) => lateMs)
      return {
        tier: `${TIERS_MS[i] / 1000} s`,
        messages: all.length,
        'acquired − released − tier, ms: least': Math.min(...waited),
        most: Math.max(...waited),
        'acquired − due, ms: least': Math.min(...late),
        'most late': Math.max(...late),
      }
    })
    printTable('retry tiers', `${MESSAGES} messages, each released each time; released is when the call was made`, rows)
    const { value, attempts, cause, key, headers, partition, offset, topic } = dead.records[0]
    console.log(
      `  dead letters: ${dead.records.length} of ${MESSAGES}; the first: ${JSON.stringify({ value, key, headers, topic, partition, offset, cause })}`,
    )
    for (const attempt of attempts) console.log(`    ${JSON.stringify(attempt)}`)
  } finally {
    await server.stop()
  }
}

interface Acknowledged {
  results: { state: string; dueAt?: string }[]
}

interface DeadLetter {
  value: unknown
  key: string
  headers: unknown
  topic: string
  partition: number
  offset: number
  cause: string
  attempts: unknown[]
}
