// What the doctor finds on this machine: settings, room on the disk, how long a sync takes, the data directory.
//
// The sync is measured where the journal lies, on a file that is unlinked as soon as it is open: nothing is left in the data
// directory, also when the doctor is killed.

import { open, stat, unlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { DwellError, SystemClock, SystemDisk } from '../../../storage/index.ts'
import { defaultOf, environmentName, readSettings } from '../../config.ts'
import { SETTINGS, type SettingRow, type Settings } from '../../settings.ts'
import { formatSize } from '../../size.ts'
import type { Finding } from './doctor.ts'
import { lookAtData } from './doctor-data.ts'
import { quantile } from './quantile.ts'

const SYNCS = 50
const SYNC_BYTES = 4 * 1024
const SLOW_SYNC_MS = 20
const GIB = 1024 ** 3
const ROOM_BYTES = 2 * GIB

export interface Machine {
  findings: Finding[]
  /** Those of the environment that are not the default; where one may hold a secret, only that it is set. */
  settings: Record<string, string>
}

/** `dataDirectory` is looked at in place of that of the settings. */
export async function lookAtMachine(environment: NodeJS.ProcessEnv, dataDirectory?: string): Promise<Machine> {
  const findings: Finding[] = []
  let settings: Settings | undefined
  try {
    settings = readSettings(environment, {})
    const changed = Object.keys(changedOf(environment))
    const sentence = changed.length === 0 ? 'all at their defaults' : `set: ${changed.join(', ')}`
    findings.push({ what: 'settings', state: 'good', sentence })
  } catch (error) {
    if (!(error instanceof DwellError)) throw error
    findings.push({ what: 'settings', state: 'bad', sentence: error.message })
  }
  const directory = resolve(dataDirectory ?? settings?.DATA_DIR ?? './data')
  const bytes = await new SystemDisk().free(directory).then(
    (free) => free.bytes,
    () => undefined,
  )
  if (await isFile(directory)) {
    findings.push({ what: 'disk', state: 'bad', sentence: `${directory} is a file: name the folder with the data` })
  } else if (bytes === undefined) {
    const sentence = `there is no data directory ${directory} here: name it with --data-dir, or the service runs elsewhere`
    findings.push({ what: 'disk', state: 'unknown', sentence })
  } else {
    const state = bytes < ROOM_BYTES ? 'odd' : 'good'
    findings.push({ what: 'disk', state, sentence: `${(bytes / GIB).toFixed(1)} GiB free at ${directory}` })
    findings.push(await measureSync(directory), await lookAtData(directory))
  }
  return { findings, settings: changedOf(environment) }
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => !found.isDirectory(),
    () => false,
  )
}

async function measureSync(directory: string): Promise<Finding> {
  const what = 'sync'
  try {
    const times = await syncTimes(join(directory, `doctor-${process.pid}.tmp`))
    const [median, slowest] = [quantile(times, 0.5), quantile(times, 1)]
    const sentence = `${formatSize(SYNC_BYTES)} are durable after ${median.toFixed(2)} ms (median of ${SYNCS}), ${slowest.toFixed(2)} ms at most`
    if (median > SLOW_SYNC_MS) return { what, state: 'odd', sentence: `${sentence}: every publish waits for one` }
    return { what, state: 'good', sentence }
  } catch (error) {
    return { what, state: 'unknown', sentence: `could not be measured: ${(error as Error).message}` }
  }
}

async function syncTimes(path: string): Promise<number[]> {
  const clock = new SystemClock()
  const file = await open(path, 'wx', 0o600)
  try {
    await unlink(path)
    const bytes = Buffer.alloc(SYNC_BYTES, 'd')
    // As the journal does: over what is there already.
    await file.write(bytes, 0, bytes.length, 0)
    await file.sync()
    const times: number[] = []
    for (let i = 0; i < SYNCS; i++) {
      const beganMs = clock.monotonicMs()
      await file.write(bytes, 0, bytes.length, 0)
      await file.datasync()
      times.push(clock.monotonicMs() - beganMs)
    }
    return times
  } finally {
    await file.close()
  }
}

function changedOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  const changed: Record<string, string> = {}
  for (const [name, row] of Object.entries<SettingRow>(SETTINGS)) {
    const variable = environmentName(name)
    const text = environment[variable]
    if (text === undefined || text === defaultOf(row)) continue
    changed[variable] = row.kind === 'text' && row.secret ? '(set)' : text
  }
  return changed
}
