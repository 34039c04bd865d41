// Who a data directory is: a random id, made once, that every copy of the directory carries too; and where the directory
// was last used, by which a start tells that it may be a copy.
//
// File `identity` (durable-file.ts, magic DWID): UTF-8 JSON, {"clusterId":"9f…","host":"a","path":"/var/dwell"}
//
// After a crash: as it was, or as it is. Damaged, it is set aside as `identity.damaged` and a new id is made: nothing in
// the directory depends on it.

import { join } from 'node:path'
import type { Disk } from './disk.ts'
import { readDurableFile, writeDurableFile } from './durable-file.ts'
import { DwellError } from './errors.ts'
import type { Log } from './log.ts'
import type { Random } from './random.ts'

const FORMAT = { magic: 'DWID', version: 1 }
const CLUSTER_ID_SIZE = 16

export interface Identity {
  /** 32 hexadecimal digits. */
  clusterId: string
  /** Where the directory is used: the machine, and the absolute path there. */
  host: string
  path: string
}

export interface IdentityOptions {
  disk: Disk
  random: Random
  log: Log
  directory: string
  place: { host: string; path: string }
}

export function identityPath(directory: string): string {
  return join(directory, 'identity')
}

/** Reads the identity of `directory`, or makes one; says so when it was last used at another place. */
export async function identify({ disk, random, log, directory, place }: IdentityOptions): Promise<Identity> {
  const path = identityPath(directory)
  const before = await readIdentity(disk, path).catch(async (error) => {
    if (!(error instanceof DwellError)) throw error
    log.error({ path, error: error.message }, 'The identity of the data directory is damaged: it gets a new one.')
    await disk.rename(path, `${path}.damaged`)
    return undefined
  })
  if (before !== undefined && before.host === place.host && before.path === place.path) return before
  const clusterId = before?.clusterId ?? random.bytes(CLUSTER_ID_SIZE).toString('hex')
  if (before !== undefined) {
    const { host, path: from } = before
    const sentence =
      `This data directory was last used on ${host} at ${from}. If it is a copy, both carry the cluster id ${clusterId}, ` +
      'and both dispatch what was pending.'
    log.warn({ clusterId, host, path: from }, sentence)
  }
  const identity = { clusterId, ...place }
  await writeDurableFile(disk, path, FORMAT, Buffer.from(JSON.stringify(identity)))
  return identity
}

async function readIdentity(disk: Disk, path: string): Promise<Identity | undefined> {
  const contents = await readDurableFile(disk, path, FORMAT)
  return contents === undefined ? undefined : JSON.parse(contents.toString())
}
