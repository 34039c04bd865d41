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
    const waitedMs: number[][] = TIERS_MS.map(() => [])
    const releasedMs = new Map<number, number>()
    for (let releases = 0; releases < MESSAGES * (TIERS_MS.length + 1); ) {
      const { records } = (await server.call('POST', `${base}/acquire`, { max: 10, wait: '20s' })) as Acquired
      const nowMs = performance.now()
      if (records.length === 0) throw new Error(`nothing came after ${releases} releases`)
      for (const { value, deliveryCount } of records) {
        const last = releasedMs.get(value.n)
        if (last !== undefined) waitedMs[deliveryCount - 2].push(nowMs - last)
      }
      const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'release', reason: 'bank offline' }))
      await server.call('POST', `${base}/acknowledge`, { acknowledgements })
      for (const { value } of records) releasedMs.set(value.n, performance.now())
      releases += records.length
    }
    const dead = (await server.call('GET', `${base}/dead-letters`)) as { records: DeadLetter[] }
    const rows = waitedMs.map((all, i): Row => {
      const off = all.map((ms) => ms - TIERS_MS[i])
      return {
        tier: `${TIERS_MS[i] / 1000} s`,
        messages: all.length,
        'least off ms': Math.min(...off),
        'most off ms': Math.max(...off),
      }
    })
    printTable(
      'retry tiers: time from the release answered to acquired, minus the tier',
      `${MESSAGES} messages, each released each time`,
      rows,
    )
    const { value, attempts, cause, key, headers, partition, offset, topic } = dead.records[0]
    console.log(
      `  dead letters: ${dead.records.length} of ${MESSAGES}; the first: ${JSON.stringify({ value, key, headers, topic, partition, offset, cause })}`,
    )
    for (const attempt of attempts) console.log(`    ${JSON.stringify(attempt)}`)
  } finally {
    await server.stop()
  }
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
