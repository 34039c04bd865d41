// The dead letters of the bench: numbered messages that are rejected, or released where there is no tier, in equal parts.

import type { BenchServer } from './bench-server.ts'
import { numberOf, textOf } from './numbered.ts'

const SIZE = 1024
const BATCH = 500
const CONSUMERS = 4
const REGIONS = ['north', 'east', 'south', 'west']
const CUSTOMERS = 1_000
const REASONS = 500
/** Part of the reason of every other one. */
export const REDRIVEN = 'bank'

export function messageOf(n: number): object {
  return {
    value: textOf(n, SIZE),
    key: `customer-${n % CUSTOMERS}`,
    headers: { region: REGIONS[n % REGIONS.length], order: String(n), trace: `00-${String(n).padStart(32, '0')}-01` },
  }
}

export function reasonOf(n: number): string {
  return n % 2 === 0 ? `the ${REDRIVEN} is offline` : `no customer ${n % REASONS}`
}

/** Every message of the topic fails for good; answers from when to when. */
export async function bury(
  server: BenchServer,
  group: string,
  count: number,
): Promise<{ fromMs: number; toMs: number }> {
  const fromMs = Date.now()
  let left = count
  const consume = async () => {
    while (left > 0) {
      const { records } = (await server.call('POST', `${group}/acquire`, { max: BATCH, wait: '1s' })) as {
        records: { receipt: string; value: string }[]
      }
      left -= records.length
      const acknowledgements = records.map(({ receipt, value }) => {
        const n = numberOf(value)
        return { receipt, type: n % 2 === 0 ? 'reject' : 'release', reason: reasonOf(n) }
      })
      if (records.length > 0) await server.call('POST', `${group}/acknowledge`, { acknowledgements })
    }
  }
  await Promise.all(Array.from({ length: CONSUMERS }, consume))
  return { fromMs, toMs: Date.now() }
}

/** Filters, and how many of `count` dead letters match them. */
export function filterRows(count: number, { fromMs, toMs }: { fromMs: number; toMs: number }) {
  const matching = (matches: (n: number) => boolean) => {
    let sum = 0
    for (let n = 0; n < count; n++) if (matches(n)) sum++
    return sum
  }
  const one = Math.floor(count / 2)
  const rows: [what: string, query: Record<string, string>, matches: (n: number) => boolean][] = [
    ['none', {}, () => true],
    ['reason', { reason: REDRIVEN }, (n) => reasonOf(n).includes(REDRIVEN)],
    ['reason that few have', { reason: 'customer 77' }, (n) => reasonOf(n).includes('customer 77')],
    ['reason that none has', { reason: 'no such reason' }, () => false],
    ['cause', { cause: 'CLIENT_REJECT' }, (n) => n % 2 === 0],
    ['key', { key: 'customer-17' }, (n) => n % CUSTOMERS === 17],
    ['key that none has', { key: 'nobody' }, () => false],
    ['header that many have', { 'header.region': 'north' }, (n) => n % REGIONS.length === 0],
    ['header that one has', { 'header.order': String(one) }, (n) => n === one],
    ['header that none has', { 'header.region': 'nowhere' }, () => false],
    ['from, to', { from: String(fromMs), to: String(toMs + 1) }, () => true],
    ['from, in the future', { from: '2099-01-01T00:00:00Z' }, () => false],
    [
      'key, header, cause',
      { key: 'customer-16', 'header.region': 'north', cause: 'CLIENT_REJECT' },
      (n) => n % CUSTOMERS === 16,
    ],
  ]
  return rows.map(([what, query, matches]) => {
    return { what, query: new URLSearchParams(query).toString(), matches: matching(matches) }
  })
}
