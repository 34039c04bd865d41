// What it costs to keep the order of keys: the same records through groups with and without it, while some of them fail.

import { BenchServer } from './bench-server.ts'
import { fill } from './fill.ts'
import type { KeyOrderOptions, KeyOrderResult } from './key-order-consumers.ts'
import { LoadProcess } from './load-process.ts'
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

export async function keyOrder(): Promise<void> {
  for (const failing of [0, FAILING_PERCENT]) {
    const rows: Row[] = []
    for (const order of ['none', 'key'] as const) rows.push(await consumeInOrder(order, failing))
    addRatios(rows, 'records/s', 'beside none')
    const settings = [
      `${RECORDS.toLocaleString('en-US')} records of ${VALUE_SIZE} bytes, ${KEYS} keys at random, ${PARTITIONS} partitions`,
      `${CONSUMERS} consumers in another process, batches of up to ${BATCH}`,
      `${TIERS} tiers of ${TIER_MS} ms: no order at all could be kept above ${boundOf(failing)} records/s`,
    ]
    printTable(`order of keys, ${failing} % fail`, settings.join('\n  '), rows)
  }
}

/** A key waits for each failed try of its records: that alone takes so long, however fast the rest is. */
function boundOf(failing: number): string {
  let tries = 0
  for (let tier = 1; tier <= TIERS; tier++) tries += (failing / 100) ** tier
  return tries === 0 ? 'any number of' : Math.round(KEYS / (tries * (TIER_MS / 1_000))).toLocaleString('en-US')
}

async function consumeInOrder(order: 'none' | 'key', failing: number): Promise<Row> {
  const server = await BenchServer.start()
  try {
    await server.call('PUT', '/v1/topics/orders', { partitions: PARTITIONS })
    const filling = 'x'.repeat(VALUE_SIZE)
    await fill(server, 'orders', RECORDS, () => ({ key: `key-${Math.floor(Math.random() * KEYS)}`, value: filling }))
    const retry = Array.from({ length: TIERS }, () => `${TIER_MS}ms`)
    await server.call('PUT', '/v1/topics/orders/groups/billing', { order, retry })
    const load: KeyOrderOptions = {
      port: server.port,
      group: 'billing',
      consumers: CONSUMERS,
      batch: BATCH,
      records: RECORDS,
      failing,
      tiers: TIERS,
    }
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
