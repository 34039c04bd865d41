// A data directory with something of everything in it, made by the real service: topics, groups with retried and dead messages, own
// ids, delayed, cancelled and moved messages near and far; several segments, and several journal files behind the checkpoint.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { verifyDirectory } from '../../service/cli/verify-directory.ts'
import { type Counts, type Finding, StoredLog, SystemClock, SystemDisk } from '../../storage/index.ts'
import { type RunningService, startService } from '../service/running-service.ts'

const KIB = 1024
export const SMALL = { SEGMENT_BYTES: 16 * KIB, JOURNAL_FILE_BYTES: KIB * KIB, GROUP_RETRY: [60_000, 60_000] }

export interface Directories {
  /** As after a stop. */
  clean: string
  /** As after kill -9: a copy that was made while the service ran and nobody asked it for anything. */
  killed: string
}

/** Makes both; for tests that copy them and then do harm to the copies. */
export async function makeDirectories(t: Test): Promise<Directories> {
  const root = t.testdir({ clean: {} })
  const [clean, killed] = [join(root, 'clean'), join(root, 'killed')]
  const first = await startService(t, SMALL, { directory: clean })
  for (let i = 0; i < 60; i++) await publish(first, 'orders', [{ value: `${i} ${'.'.repeat(900)}`, key: `k${i % 7}` }])
  await publish(first, 'orders', [
    { value: 'own', id: 'order-1' },
    { value: 'own and later', id: 'order-2', delay: '30m' },
    { value: 'cancelled soon', id: 'near', delay: '40m' },
    { value: 'cancelled late', id: 'far', delay: '5h' },
    { value: 'moved soon', id: 'nearer', delay: '50m' },
    { value: 'moved late', id: 'farther', delay: '55m' },
    { value: 'moved here', id: 'here', delay: '7h' },
  ])
  for (let i = 0; i < 40; i++) {
    await publish(first, 'mails', [
      { value: `near ${i}`, delay: `${20 + i}m` },
      { value: `far ${i}`, delay: `${3 + i}h` },
    ])
  }
  for (const id of ['near', 'far']) await first.call('DELETE', `/v1/topics/orders/delayed/${id}`)
  for (const [id, delay] of Object.entries({ nearer: '25m', farther: '8h', here: '35m' })) {
    await first.call('PATCH', `/v1/topics/orders/delayed/${id}`, { delay })
  }
  await dispatch(first, 'soon')
  await consume(first, 12)
  await first.stop()
  const second = await startService(t, SMALL, { directory: clean })
  await dispatch(second, 'soon too')
  await consume(second, 6)
  for (let i = 0; i < 30; i++) await publish(second, 'orders', [{ value: `big ${i} ${'.'.repeat(100 * KIB)}` }])
  for (let i = 0; i < 10; i++) {
    await publish(second, 'mails', [
      { value: `second near ${i}`, delay: `${20 + i}m` },
      { value: `second far ${i}`, id: `f${i}`, delay: `${3 + i}h` },
    ])
  }
  cpSync(clean, killed, { recursive: true })
  await second.stop()
  return { clean, killed }
}

async function publish(service: RunningService, topic: string, messages: unknown[]): Promise<void> {
  const { status, text } = await service.publish(topic, { messages })
  if (status >= 300) throw new Error(text)
}

/** Publishes a message that is due at once, and asks until it was dispatched. */
async function dispatch(service: RunningService, id: string): Promise<void> {
  await publish(service, 'orders', [{ value: 'soon', id, delay: '20ms' }])
  for (;;) {
    const { json } = await service.call('GET', `/v1/topics/orders/delayed/${encodeURIComponent(id)}`)
    if (json.state === 'dispatched') return
  }
}

async function consume(service: RunningService, max: number): Promise<void> {
  const group = '/v1/topics/orders/groups/billing'
  const { json } = await service.call('POST', `${group}/acquire`, { max })
  const types = ['accept', 'release', 'reject']
  const acknowledgements = json.records.map(({ receipt }: { receipt: string }, i: number) => ({
    receipt,
    type: types[i % 3],
  }))
  await service.call('POST', `${group}/acknowledge`, { acknowledgements })
}

/** A copy of `directory` to do harm to. */
export function copyOf(t: Test, directory: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'dwell-tools-'))
  t.teardown(() => rmSync(copy, { recursive: true, force: true }))
  cpSync(directory, copy, { recursive: true })
  return copy
}

/** Changes one byte of a file; from its end when `position` is below zero. */
export function flip(path: string, position: number): void {
  const bytes = readFileSync(path)
  bytes[position < 0 ? bytes.length + position : position] ^= 0x10
  writeFileSync(path, bytes)
}

/** What verify finds, in this boot of the machine or in another. */
export async function findingsIn(
  directory: string,
  bootId = new SystemClock().bootId(),
): Promise<{ wrong: Finding[]; notes: Finding[]; counts: Counts }> {
  const counts: Counts = {}
  const findings: Finding[] = []
  const options = { disk: new SystemDisk(), directory, bootId, counts }
  for await (const finding of verifyDirectory(options)) findings.push(finding)
  return {
    wrong: findings.filter(({ kind }) => kind === 'wrong'),
    notes: findings.filter(({ kind }) => kind === 'note'),
    counts,
  }
}

/** Every readable record by place, with its body. */
export async function recordsIn(directory: string): Promise<Map<string, string>> {
  const log = await StoredLog.open(new SystemDisk(), directory)
  const records = new Map<string, string>()
  for (const { topic, index } of [...log.partitions()]) {
    if (topic === undefined) continue
    for await (const { offset, body } of log.records(topic, index)) {
      records.set(`${topic}-${index} ${offset}`, Buffer.from(body).toString('latin1'))
    }
  }
  return records
}
