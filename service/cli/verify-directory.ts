// All checks of a data directory, from the bottom up: the log, the wheel on it, then what the service keeps in the log.

import { join } from 'node:path'
import {
  type Counts,
  counted,
  type Disk,
  DwellError,
  decodeRecordBody,
  type Finding,
  inspectDurableFile,
  note,
  StoredLog,
  verifyLog,
  wrong,
} from '../../storage/index.ts'
import { verifyWheel } from '../../timewheel/index.ts'
import { decodeSnapshot, playDelta } from '../delivery/group/group-log.ts'
import { GROUPS_TOPIC } from '../delivery/group/group-store.ts'
import { verifyIds } from './verify-ids.ts'

const CATALOGUE = '__topics-0'

export interface VerifyOptions {
  disk: Disk
  directory: string
  bootId: string
  counts: Counts
}

/** All that is to be said of `directory`, which nobody uses; nothing in it is changed. */
export async function* verifyDirectory(options: VerifyOptions, log?: StoredLog): AsyncGenerator<Finding> {
  const { disk, directory, bootId, counts } = options
  const stored = log ?? (await StoredLog.open(disk, directory))
  let isCatalogueWhole = true
  for await (const finding of verifyLog({ log: stored, counts, bootId })) {
    if (finding.kind === 'wrong' && finding.partition === CATALOGUE) isCatalogueWhole = false
    yield finding
  }
  if (!isCatalogueWhole) {
    // Topics that are not known look as if nothing were in them.
    const sentence =
      'The wheel, the ids and the groups were not looked at: the catalogue of topics has to be whole first.'
    return void (yield note('not-looked-at', directory, sentence, { meaning: '', remedy: 'Repair, and verify again.' }))
  }
  yield* verifyWheel({ disk, log: stored, directory, bootId, counts })
  yield* verifyIds({ disk, log: stored, directory: join(directory, 'index'), counts })
  yield* verifyGroups(stored, counts)
  yield* verifyIdentity(disk, join(directory, 'identity'))
}

async function* verifyGroups(log: StoredLog, counts: Counts): AsyncGenerator<Finding> {
  for await (const { offset, body } of log.records(GROUPS_TOPIC, 0)) {
    counted(counts, 'group records')
    const { value } = decodeRecordBody(body)
    const nothing = { acquired() {}, finished() {}, renewed() {}, parked() {}, held() {}, freed() {}, sent() {} }
    if (value === null || decodeSnapshot(value, (ms) => ms) !== undefined || playDelta(value, nothing)) continue
    const path = log.partition(GROUPS_TOPIC, 0)?.folder ?? log.directory
    yield wrong('group-unreadable', path, `The record at offset ${offset} of ${GROUPS_TOPIC} is of no known form.`, {
      partition: `${GROUPS_TOPIC}-0`,
      offset,
      meaning: 'The start is refused.',
      acknowledged: true,
      remedy: 'It matches its checksum, so it was written like this: use the version of the program that wrote it.',
    })
  }
}

async function* verifyIdentity(disk: Disk, path: string): AsyncGenerator<Finding> {
  if ((await disk.size(path)) === undefined) {
    return void (yield note('identity-missing', path, 'The identity of the directory is missing.'))
  }
  try {
    const found = await inspectDurableFile(disk, path)
    if (found?.contents !== undefined) return void JSON.parse(found.contents.toString())
    yield wrong('identity-damaged', path, found?.damage ?? `${path} ends within its header.`, {
      meaning: 'It names the directory; no message depends on it.',
      acknowledged: false,
      remedy: 'Nothing must be done: the next start makes a new one.',
    })
  } catch (error) {
    if (!(error instanceof DwellError || error instanceof SyntaxError)) throw error
    yield wrong('identity-damaged', path, `${path} cannot be read: ${error.message}`, {
      meaning: 'It names the directory; no message depends on it.',
      acknowledged: false,
      remedy: 'Nothing must be done: the next start makes a new one.',
    })
  }
}
