// What a repair of the log has to do, out of what its check found.
//
// After it the log opens, and everything that was readable is read at the offset it had. Nothing is given to a wrong place:
// what does not tell by a checksum where it belongs is not used.

import { join } from 'node:path'
import type { Random } from '../base/random.ts'
import type { LogRecord } from '../engine.ts'
import type { Finding } from '../inspect/finding.ts'
import type { StoredLog } from '../inspect/stored-log.ts'
import { nameOf, type StoredPartition, type StoredSegment } from '../inspect/stored-partition.ts'
import { checkpointPath, writeCheckpoint } from '../log/checkpoint.ts'
import { decodeTopic, encodeTopic, TOPICS } from '../log/topic-record.ts'
import type { Action } from './action.ts'
import { beginJournal, repairJournal } from './repair-journal.ts'
import { type Known, repairSegment } from './repair-segment.ts'

const SEGMENT_CODES = new Set(['batch-damaged', 'segment-missing', 'segment-short'])
const END_CODES = new Set(['offsets-missing', 'delay-short', 'dispatch-missing'])
const NOTHING_KNOWN: Known = new Map()

export interface RepairLogOptions {
  log: StoredLog
  findings: readonly Finding[]
  random: Random
  /** Of a topic whose last record is asked for by itself: its damaged end is cut off, not stood in for. */
  endsWithRecord: (topic: string) => boolean
  /** By the name of a partition: records that can be had from elsewhere. */
  known: ReadonlyMap<string, Known>
}

/** The steps, in order. */
export async function repairLog(options: RepairLogOptions): Promise<Action[]> {
  const { log, findings, random } = options
  const actions: Action[] = []
  if (log.checkpoint === 'damaged') {
    const path = checkpointPath(log.directory)
    const does = `Set the damaged checkpoint ${path} aside.`
    actions.push({ does, loses: [], run: (aside) => aside.move(path, 'a damaged checkpoint') })
  }
  if (findings.some(({ code }) => code === 'checkpoint-lost')) {
    actions.push(beginJournal(log, random))
  } else for await (const action of repairJournal(log, random)) actions.push(action)
  const segments = segmentActions(options)
  actions.push(...segments)
  for (const { path } of log.damagedRuns) {
    actions.push({
      does: `Set the run ${path} aside.`,
      loses: ['The records that were only in it; their offsets are stood in for.'],
      run: (aside) => aside.move(path, 'a damaged run'),
    })
  }
  if (typeof log.checkpoint !== 'string' && (segments.length > 0 || log.damagedRuns.length > 0)) {
    actions.push(alignCheckpoint(log))
  }
  for (const { code, path } of findings) {
    if (code !== 'index-wrong' || actions.some(({ does }) => does.includes(path.replace(/\.(time)?index$/, '.log'))))
      continue
    actions.push({
      does: `Set the index ${path} aside: it is made anew.`,
      loses: [],
      run: (aside) => aside.move(path, 'an index that does not fit its segment'),
    })
  }
  return actions
}

interface Wanted {
  partition: StoredPartition
  segment: StoredSegment | undefined
  endOffset: number
  loses: string[]
}

function segmentActions({ log, findings, endsWithRecord, known: elsewhere }: RepairLogOptions): Action[] {
  const wanted = new Map<string, Wanted>()
  const want = (partition: StoredPartition, segment: StoredSegment | undefined): Wanted => {
    const key = segment?.path ?? nameOf(partition)
    const found = wanted.get(key) ?? { partition, segment, endOffset: segment?.endOffset ?? 0, loses: [] }
    wanted.set(key, found)
    return found
  }
  for (const partition of log.partitions()) {
    const name = nameOf(partition)
    const own = findings.filter((finding) => finding.partition === name)
    for (const { code, path, sentence, offset = 0, lastOffset } of own) {
      if (END_CODES.has(code) && lastOffset !== undefined) {
        const at = want(partition, partition.segments.at(-1))
        at.endOffset = Math.max(at.endOffset, lastOffset + 1)
        at.loses.push(sentence)
      }
      const segment = SEGMENT_CODES.has(code) ? partition.segments.find((one) => one.path === path) : undefined
      if (segment === undefined) continue
      const at = want(partition, segment)
      const isEnd = segment.isGrowing && lastOffset === partition.endOffset - 1
      if (isEnd && partition.topic !== undefined && endsWithRecord(partition.topic)) at.endOffset = offset
      at.loses.push(code === 'segment-short' ? 'See what else is said of this file.' : sentence)
    }
  }
  // Those that are named and have nothing on the disk.
  for (const { code, partition: name, lastOffset, sentence } of findings) {
    if (!END_CODES.has(code) || lastOffset === undefined) continue
    if ([...log.partitions()].some((partition) => nameOf(partition) === name)) continue
    const partition = newPartition(log, name as string)
    if (partition === undefined) continue
    const at = want(partition, undefined)
    at.endOffset = Math.max(at.endOffset, lastOffset + 1)
    at.loses.push(sentence)
  }
  return [...wanted.values()].map(({ partition, segment, endOffset, loses }) => {
    const isCatalogue = partition.topic === TOPICS
    const known = isCatalogue ? knownTopics(log, findings) : (elsewhere.get(nameOf(partition)) ?? NOTHING_KNOWN)
    const said = [...new Set(loses.filter((line) => line !== 'See what else is said of this file.'))]
    if (isCatalogue) for (const [offset, record] of known) said.push(restoredWords(offset, record))
    else if (known.size > 0)
      said.push(`But ${known.size} of these records are kept elsewhere too, and come back from there.`)
    return repairSegment(log, { partition, segment, endOffset, known }, said)
  })
}

function newPartition(log: StoredLog, name: string): StoredPartition | undefined {
  const found = /^(.+)-(\d+)$/.exec(name)
  const description = found === null ? undefined : log.topics.get(found[1])
  if (found === null || description === undefined) return undefined
  const rest = {
    folder: '',
    segments: [],
    safe: undefined,
    logStartOffset: 0,
    endOffset: 0,
    gapsTo: 0,
    journalFrom: undefined,
    gaps: [],
  }
  return log.take({ topicId: description.id, topic: found[1], index: Number(found[2]), ...rest })
}

/**
 * Topics whose records in `__topics` cannot be read, out of the folders of their partitions: without them the next start would take
 * the folders for those of deleted topics.
 */
function knownTopics(log: StoredLog, findings: readonly Finding[]): Known {
  const lost = findings.filter(({ partition, offset }) => partition === `${TOPICS}-0` && offset !== undefined)
  const known = new Map<number, LogRecord>()
  const found = new Map<number, { name: string; partitions: number }>()
  for (const { topic, topicId, folder, index } of log.partitions()) {
    if (topic !== undefined || folder === '') continue
    const name = folder.slice(folder.lastIndexOf('/') + 1).replace(/-\d+$/, '')
    found.set(topicId, { name, partitions: Math.max(found.get(topicId)?.partitions ?? 0, index + 1) })
  }
  for (const [id, { name, partitions }] of found) {
    const offset = id - 1
    if (!lost.some((finding) => offset >= (finding.offset ?? 0) && offset <= (finding.lastOffset ?? Infinity))) continue
    const record = encodeTopic({ id, name, partitions, cleanup: 'delete' }, 0)
    known.set(offset, record)
  }
  return known
}

function restoredWords(offset: number, record: LogRecord): string {
  const { name, description } = decodeTopic({ ...record, body: record.body as Uint8Array, offset })
  const partitions = description?.partitions
  return `The settings of the topic ${name}: its folders tell its name and id, and that it has ${partitions} partitions or more; from now on it has ${partitions}, and keeps everything.`
}

function alignCheckpoint(log: StoredLog): Action {
  return {
    does: 'Bring the checkpoint in line with that; the one of before is set aside.',
    loses: [],
    run: async (aside) => {
      const { checkpoint, disk, directory } = log
      if (typeof checkpoint === 'string') return
      await aside.copy(checkpointPath(directory), 'the checkpoint of before the repair')
      const entries = [...log.partitions()].flatMap(({ topicId, index, logStartOffset, safe }) => {
        if (safe === undefined) return []
        const before = checkpoint.entries.find((entry) => entry.topicId === topicId && entry.partition === index)
        return [{ topicId, partition: index, logStartOffset: before?.logStartOffset ?? logStartOffset, safe }]
      })
      const damaged = new Set(log.damagedRuns.map(({ number }) => number))
      const runs = checkpoint.runs.filter((number) => !damaged.has(number))
      await disk.syncDirectory(join(directory, 'topics'))
      await writeCheckpoint(disk, directory, { ...checkpoint, entries, runs })
    },
  }
}
