// Who a data directory is: a random id, made once, that every copy of the directory carries too; where the directory was
// last used, by which a start tells that it may be a copy; and whether it is one for tests, whose clock people move.
//
// Always true: a directory is used with a test clock from its first start on, or never. What was published under a clock that
// was moved would come months late under the machine's own; and who moves the clock of real messages fires them early.
//
// File `identity` (durable-file.ts, magic DWID, version 2): UTF-8 JSON,
//   {"clusterId":"9f…","host":"a","path":"/var/dwell"}, in a directory for tests with "testClockAheadMs": how far its clock
//   was moved. Version 1 had no directories for tests.
//
// After a crash: as it was, or as it is. Damaged, it is set aside as `identity.damaged` and a new id is made: nothing in
// an ordinary directory depends on it.

import { join } from 'node:path'
import type { Disk } from './disk.ts'
import { readDurableFile, writeDurableFile } from './durable-file.ts'
import { DwellError } from './errors.ts'
import type { Log } from './log.ts'
import type { Random } from './random.ts'

const FORMAT = { magic: 'DWID', version: 2, oldestVersion: 1 }
const CLUSTER_ID_SIZE = 16
/** The folder that is there once anything was ever published. */
const JOURNAL = 'journal'

export interface Identity {
  /** 32 hexadecimal digits. */
  clusterId: string
  /** Where the directory is used: the machine, and the absolute path there. */
  host: string
  path: string
  /** How far ahead of the machine's clocks its own was moved; undefined in a directory that is not for tests. */
  testClockAheadMs?: number
}

export interface IdentityOptions {
  disk: Disk
  random: Random
  log: Log
  directory: string
  place: { host: string; path: string }
  /** Whether it is to be used with a test clock. */
  testClock?: boolean
}

export function identityPath(directory: string): string {
  return join(directory, 'identity')
}

/**
 * Reads the identity of `directory`, or makes one; says so when it was last used at another place.
 * @throws TEST_CLOCK_REFUSED
 */
export async function identify(options: IdentityOptions): Promise<Identity> {
  const { disk, random, log, directory, place, testClock = false } = options
  const path = identityPath(directory)
  const before = await readIdentity(disk, path).catch(async (error) => {
    if (!(error instanceof DwellError)) throw error
    // What it was cannot be told any more.
    if (testClock) throw refused(directory, testClock)
    const { code, message } = error
    log.error({ code, path, error: message }, 'The identity of the data directory is damaged: it gets a new one.')
    await disk.rename(path, `${path}.damaged`)
    return undefined
  })
  const isForTests = before === undefined ? testClock && (await isNew(disk, directory)) : isTests(before)
  if (isForTests !== testClock) throw refused(directory, testClock)
  if (before !== undefined && before.host === place.host && before.path === place.path) return before
  const clusterId = before?.clusterId ?? random.bytes(CLUSTER_ID_SIZE).toString('hex')
  if (before !== undefined) {
    const { host, path: from } = before
    const sentence =
      `This data directory was last used on ${host} at ${from}. If it is a copy, both carry the cluster id ${clusterId}, ` +
      'and both dispatch what was pending.'
    log.warn({ clusterId, host, path: from }, sentence)
  }
  const identity: Identity = { clusterId, ...place }
  if (testClock) identity.testClockAheadMs = before?.testClockAheadMs ?? 0
  await writeIdentity(disk, directory, identity)
  return identity
}

/** Replaces the identity of `directory`. Resolves when it is durable. */
export async function writeIdentity(disk: Disk, directory: string, identity: Identity): Promise<void> {
  await writeDurableFile(disk, identityPath(directory), FORMAT, Buffer.from(JSON.stringify(identity)))
}

async function readIdentity(disk: Disk, path: string): Promise<Identity | undefined> {
  const contents = await readDurableFile(disk, path, FORMAT)
  return contents === undefined ? undefined : JSON.parse(contents.toString())
}

function isTests({ testClockAheadMs }: Identity): boolean {
  return testClockAheadMs !== undefined
}

async function isNew(disk: Disk, directory: string): Promise<boolean> {
  return !(await disk.list(directory)).includes(JOURNAL)
}

function refused(path: string, testClock: boolean): DwellError {
  const sentence = testClock
    ? `The data directory ${path} was used without a test clock: moving its clock would publish real messages early. Take a new directory.`
    : `The data directory ${path} is for tests: start it with the test clock, or take another directory.`
  return new DwellError('TEST_CLOCK_REFUSED', sentence, { path, testClock })
}
