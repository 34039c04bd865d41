// What it costs to keep the order of keys: the same records through groups with and without it, while some of them fail.
// Row I3 of test/faults/README.md.

import { BenchServer } from './bench-server.ts'
import { fill } from './fill.ts'
import type { KeyOrderOptions, KeyOrderResult } from './key-order-consumers.ts'
import { LoadProcess } from './load-process.ts'
import { MemorySampler, residentMib } from './process-figures.ts'
import { addRatios, printTable, type Row } from './table.ts'

const RECORDS = 200_000
const KEYS = 1_000
const PARTITIONS = 4
const CONSUMERS = 4
const BATCH = 500
const VALUE_SIZE = 1_024
const FAILING_PERCENT = 20
const TIER_MS = 20
const TIERS = 3
const HOT_RECORDS = 1_000_000
const HOT_VALUE_SIZE = 100
const OTHER_RECORDS = 20_000
const GROUP = '/v1/topics/orders/groups/billing'

export async function keyOrder(): Promise<void> {
  for (const failing of [0, FAILING_PERCENT]) {
    const rows: Row[] = []
    for (const order of ['none', 'key'] as const) rows.push(await consumeInOrder(order, failing))
    addRatios(rows, 'records/s', 'beside none')
    const settings = [
      `${RECORDS.toLocaleString('en-US')} records of ${VALUE_SIZE} bytes, ${KEYS} keys at random, ${PARTITIONS} partitions`,
      `${CONSUMERS} consumers in another process, batches of up to ${BATCH}`,
      `${TIERS} tiers of ${TIER_MS} ms: who keeps the order cannot be faster than ${boundOf(failing)} records/s`,
    ]
    printTable(`order of keys, ${failing} % fail`, settings.join('\n  '), rows)
  }
}

/** One key with a million records, the first of them in hand, in front of many others: how they come past it. */
export async function hotKey(): Promise<void> {
  const server = await BenchServer.start()
  try {
    await server.call('PUT', '/v1/topics/orders', { partitions: 1 })
    await server.call('PUT', GROUP, { order: 'key', lock: '1h' })
    const filling = 'x'.repeat(HOT_VALUE_SIZE)
    await fill(server, 'orders', HOT_RECORDS, () => ({ key: 'hot', value: filling }))
    await fill(server, 'orders', OTHER_RECORDS, (i) => ({ key: `key-${i % KEYS}`, value: filling }))
    await server.call('POST', `${GROUP}/acquire`, { max: 1 })
    const beforeMib = residentMib(server.process.pid)
    const sampler = new MemorySampler(() => server.process.pid)
    const load = { ...loadOf(server, OTHER_RECORDS, 0), consumers: 1 }
    const { ms, firstMs, overtaken } = await new LoadProcess<KeyOrderResult>('key-order-consumers.ts', load).result
    if (overtaken > 0) process.exitCode = 1
    const row = { 'first after ms': firstMs, 'others/s': OTHER_RECORDS / ((ms - firstMs) / 1_000) }
    sampler.stop()
    const memory = { 'MiB before': beforeMib, 'MiB at most': sampler.takeMostMib() }
    const readyMs = await server.restartAfterKill()
    const startMs = performance.now()
    const { records } = (await server.call('POST', `${GROUP}/acquire`, { max: 1 })) as { records: unknown[] }
    if (records.length > 0) throw new Error('the hot key overtakes itself')
    const again = { 'ready after kill -9, ms': readyMs, 'first look, ms': performance.now() - startMs }
    const settings = [
      `${HOT_RECORDS.toLocaleString('en-US')} records of one key wait for its first, ${OTHER_RECORDS.toLocaleString('en-US')} of ${KEYS} keys behind them`,
      'one partition, one consumer, batches of up to 500',
    ]
    printTable('past a hot key', settings.join('\n  '), [{ ...row, overtaken, ...memory, ...again }])
  } finally {
    await server.stop()
  }
}

/** A key waits for each failed try of its records: that alone takes so long, however fast the rest is. */
function boundOf(failing: number): string {
  let tries = 0
  for (let tier = 1; tier <= TIERS; tier++) tries += (failing / 100) ** tier
  return tries === 0 ? 'any number of' : Math.round(KEYS / (tries * (TIER_MS / 1_000))).toLocaleString('en-US')
}

function loadOf({ port }: BenchServer, records: number, failing: number): KeyOrderOptions {
  return { port, group: 'billing', consumers: CONSUMERS, batch: BATCH, records, failing, tiers: TIERS }
}

async function consumeInOrder(order: 'none' | 'key', failing: number): Promise<Row> {
  const server = await BenchServer.start()
  try {
    await server.call('PUT', '/v1/topics/orders', { partitions: PARTITIONS })
    const filling = 'x'.repeat(VALUE_SIZE)
    await fill(server, 'orders', RECORDS, () => ({ key: `key-${Math.floor(Math.random() * KEYS)}`, value: filling }))
    const retry = Array.from({ length: TIERS }, () => `${TIER_MS}ms`)
    await server.call('PUT', GROUP, { order, retry })
    const load = loadOf(server, RECORDS, failing)
    const { deliveries, dead, overtaken, ms, cpuPercent } = await new LoadProcess<KeyOrderResult>(
      'key-order-consumers.ts',
      load,
    ).result
    if (order === 'key' && overtaken > 0) process.exitCode = 1
    return {
      order,
      deliveries,
      dead,
      overtaken,
      seconds: ms / 1_000,
      'records/s': RECORDS / (ms / 1_000),
      'consumers, % of a core': cpuPercent,
    }
  } finally {
    await server.stop()
  }
}
