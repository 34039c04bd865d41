// Reads everything that can be read, from a server that nobody else asks anything, and says whether a byte of its data
// directory is another than before. A server that has just started is waited for until it writes no more by itself.
//
// A folder of LevelDB counts by its rows: LevelDB puts a file that is read often elsewhere, and no row changes by that. The
// indexes of segments do not count: they are derived, and one that a power cut took is made when its segment is first read.
// It looks twice, and the second time counts: the first read of a partition after a start may move its tail out of a run.

import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import type { History } from '../checker/history.ts'
import type { HttpClient } from '../support/http-client.ts'
import { sleep } from './caller.ts'

const STILL_MS = 700
const DERIVED = /\.(index|timeindex)$/
const PATIENCE_MS = 20_000

export interface LookOptions {
  client: HttpClient
  history: History
  dataDirectory: string
  topics: readonly string[]
  groups: readonly { topic: string; group: string }[]
  /** Messages, some of which wait. */
  delayed: readonly { topic: string; id: string; n: number }[]
}

export async function lookAtAll(options: LookOptions): Promise<void> {
  const { history, dataDirectory } = options
  await look(options)
  const before = await digestsAtRest(dataDirectory)
  const op = history.invoke('look at all', {})
  await look(options)
  await sleep(STILL_MS)
  const after = await digestsOf(dataDirectory)
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  )
  history.ok(op, 'look at all', { before: digestOf(before), after: digestOf(after), changed })
}

async function look(options: LookOptions): Promise<void> {
  for (const path of pathsOf(options)) {
    const { status, text } = await options.client.call('GET', path)
    if (status >= 500 || status === 405) throw new Error(`GET ${path} answers ${status} ${text.slice(0, 300)}`)
  }
}

function pathsOf({ topics, groups, delayed }: LookOptions): string[] {
  const paths = ['/healthz', '/readyz', '/metrics', '/openapi.json', '/v1/topics', '/v1/redrives']
  paths.push('/v1/forecast?seconds=6', '/v1/forecast?minutes=1')
  for (const topic of topics) {
    const base = `/v1/topics/${topic}`
    paths.push(base, `${base}/delayed?limit=3`, `${base}/delayed?limit=1000`, `/v1/forecast?topic=${topic}`)
    paths.push(`${base}/partitions/0/records?offset=earliest&limit=50`, `${base}/groups`)
  }
  for (const { topic, group } of groups) {
    const base = `/v1/topics/${topic}/groups/${group}`
    paths.push(base, `${base}/scale?within=2s`, `${base}/dead-letters?limit=10`, `${base}/dead-letters/count`)
    paths.push(`${base}/dead-letters/reasons`, `/v1/topics/${topic}/explain?partition=0&offset=0&group=${group}`)
  }
  for (const { topic, id } of delayed.slice(-200)) {
    const name = encodeURIComponent(id)
    paths.push(`/v1/topics/${topic}/delayed/${name}`, `/v1/topics/${topic}/explain?id=${name}`)
  }
  return paths
}

/** A digest of each file, once none has changed for a while. */
async function digestsAtRest(directory: string): Promise<Map<string, string>> {
  let digests = await digestsOf(directory)
  for (const beganMs = Date.now(); Date.now() < beganMs + PATIENCE_MS; ) {
    await sleep(STILL_MS)
    const again = await digestsOf(directory)
    if (digestOf(again) === digestOf(digests)) return digests
    digests = again
  }
  throw new Error('a server that nobody asks anything does not stop writing')
}

async function digestsOf(directory: string): Promise<Map<string, string>> {
  const digests = new Map<string, string>()
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const isRows = entry.isDirectory() && existsSync(join(path, 'CURRENT'))
    if (isRows) digests.set(path.slice(directory.length + 1), await digestOfRows(path))
    else if (entry.isFile() && !DERIVED.test(path) && !existsSync(join(dirname(path), 'CURRENT')))
      digests.set(path.slice(directory.length + 1), createHash('sha256').update(readFileSync(path)).digest('hex'))
  }
  return digests
}

/** Of all rows of a LevelDB that somebody has open: read from a copy, which is made anew when its files changed meanwhile. */
async function digestOfRows(folder: string): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'dwell-rows-'))
  try {
    for (let attempts = 5; ; attempts--) {
      try {
        rmSync(copy, { recursive: true })
        cpSync(folder, copy, { recursive: true })
        return await digestOfCopy(copy)
      } catch (error) {
        if (attempts === 0) throw error
      }
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

async function digestOfCopy(copy: string): Promise<string> {
  const level = new ClassicLevel<Buffer, Buffer>(copy, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  const hash = createHash('sha256')
  try {
    for await (const [key, value] of level.iterator()) hash.update(key).update('=').update(value).update(';')
  } finally {
    await level.close()
  }
  return hash.digest('hex')
}

function digestOf(digests: ReadonlyMap<string, string>): string {
  return createHash('sha256')
    .update(JSON.stringify([...digests].sort()))
    .digest('hex')
}
