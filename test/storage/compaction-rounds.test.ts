// Rounds of appends, deletions, restarts, passing time and compaction, by chance from a seed that is printed, against a model
// that knows exactly what has to be left.

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { damageOfBatchAt, headerOfBatchAt, sizeOfBatchAt } from '../../storage/batch/record-batch.ts'
import { BatchCleaner } from '../../storage/compaction/batch-cleaner.ts'
import { OffsetMap } from '../../storage/compaction/offset-map.ts'
import { decodeRecordBody, type EmbeddedEngine, readRecords } from '../../storage/index.ts'
import { decodeCleanedMark } from '../../storage/segment/cleaned-mark.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { keyed, recordsIn } from './compacted-model.ts'
import { KIB, openLog } from './log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

const HOUR_MS = 3_600_000
const SEEDS = 8
t.setTimeout(300_000)

interface Appended {
  key: string
  text: string
  isTombstone: boolean
  /** The last offset of its batch. */
  batchEnd: number
  /** The time of the first pass that knew all of its batch. */
  seenMs?: number
  mayBeGone: boolean
}

class Rounds {
  readonly #random: SeededRandom
  readonly #clock = new ManualClock()
  #disk = new SimulatedDisk({ turn: async () => {} })
  #engine!: EmbeddedEngine
  readonly #appended = new Map<number, Appended>()
  passes = 0
  #count = 0

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
  }

  async run(rounds: number): Promise<string | undefined> {
    await this.#open()
    await this.#engine.createTopic('users', { partitions: 1, cleanup: 'compact' })
    for (let round = 0; round < rounds; round++) {
      const wrong = await this.#round()
      if (wrong !== undefined) return `round ${round}: ${wrong}`
    }
    await this.#engine.close()
    return undefined
  }

  async #open(): Promise<void> {
    this.#engine = await openLog(this.#disk, {
      clock: this.#clock,
      segmentBytes: 2 * KIB,
      checkpointIntervalMs: 1_000 * HOUR_MS,
      deleteRetentionMs: HOUR_MS,
      compactionBytes: 24 * 64,
    })
  }

  async #round(): Promise<string | undefined> {
    const random = this.#random
    for (let i = random.between(1, 12); i > 0; i--) await this.#append()
    if (random.chance(0.1)) {
      const { logStartOffset, highWatermark } = this.#engine.offsets('users', 0)
      await this.#engine.deleteRecords('users', 0, random.between(logStartOffset, highWatermark))
    }
    if (random.chance(0.3)) this.#clock.stepWall(random.between(1, 40) * 60_000)
    if (random.chance(0.2)) {
      if (random.chance(0.5)) await this.#engine.close()
      else this.#disk.die()
      this.#disk = this.#disk.afterKill()
      await this.#open()
    }
    if (!random.chance(0.5)) return undefined
    await this.#engine.checkpoint()
    const before = this.#engine.compaction.passes
    await this.#engine.compact()
    this.passes += this.#engine.compaction.passes - before
    return this.#check(this.#engine.compaction.passes > before)
  }

  async #append(): Promise<void> {
    const random = this.#random
    const baseOffset = this.#engine.offsets('users', 0).logEndOffset
    const count = random.between(1, random.pick([1, 3, 10]))
    const texts = Array.from({ length: count }, () => {
      const key = `k${random.between(0, random.pick([3, 20, 60]))}`
      return random.chance(0.2)
        ? `${key}=`
        : `${key}=${this.#count++}${'.'.repeat(random.between(0, random.pick([5, 400])))}`
    })
    for (const [i, text] of texts.entries()) {
      const [key, value] = text.split('=')
      const batchEnd = baseOffset + count - 1
      this.#appended.set(baseOffset + i, { key, text, isTombstone: value === '', batchEnd, mayBeGone: false })
    }
    const records = texts.map((text) => keyed(text, this.#clock.wallMs()))
    await this.#engine.append([{ topic: 'users', partition: 0, records }])
  }

  async #check(passed: boolean): Promise<string | undefined> {
    const path = `${DATA}/topics/users-0/cleaned`
    if (!this.#disk.paths().includes(path)) return undefined
    const { cleanedTo } = decodeCleanedMark(this.#disk.contents(path).subarray(14))
    const { logStartOffset, highWatermark } = this.#engine.offsets('users', 0)
    const last = new Map<string, number>()
    for (const [offset, { key }] of this.#appended) if (offset < cleanedTo) last.set(key, offset)
    const expected: string[] = []
    const optional = new Set<string>()
    for (const [offset, appended] of this.#appended) {
      if (offset < logStartOffset || offset >= highWatermark) continue
      const line = `${offset} ${appended.text}`
      if (offset < cleanedTo && last.get(appended.key) !== offset) continue
      if (offset < cleanedTo && appended.isTombstone) {
        const wasSeenMs = appended.seenMs
        if (passed && appended.batchEnd < cleanedTo) appended.seenMs ??= this.#clock.wallMs()
        // A batch has one horizon, which its first tombstone brought; a pass may come with several, or none be due.
        if (wasSeenMs !== undefined && this.#clock.wallMs() >= wasSeenMs + HOUR_MS) appended.mayBeGone = true
        if (appended.mayBeGone) optional.add(line)
      }
      expected.push(line)
    }
    const found = (await recordsIn(this.#engine, 'users', 0, this.#random.pick([1, 700, 100_000]))).map(
      ({ offset, text }) => `${offset} ${text}`,
    )
    const there = new Set(found)
    const known = new Set(expected)
    const strange = found.find((line) => !known.has(line))
    if (strange !== undefined) return `${strange.slice(0, 30)} is still there (clean to ${cleanedTo})`
    const missing = expected.find((line) => !there.has(line) && !optional.has(line))
    if (missing !== undefined) return `${missing.slice(0, 30)} is gone (clean to ${cleanedTo})`
    // What is due is gone when a pass went over it.
    const due = passed ? [...optional].find((line) => there.has(line) && this.#isDue(line)) : undefined
    return due === undefined ? undefined : `the tombstone ${due.slice(0, 30)} is still there`
  }

  #isDue(line: string): boolean {
    const { seenMs } = this.#appended.get(Number(line.split(' ')[0])) as Appended
    return seenMs !== undefined && this.#clock.wallMs() >= seenMs + HOUR_MS
  }
}

t.test('whatever happens, what is left is what the model says', async (t) => {
  let passes = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const rounds = new Rounds(seed)
    const wrong = await rounds.run(40)
    if (wrong !== undefined) return void t.fail(`seed ${seed}, ${wrong}`)
    passes += rounds.passes
  }
  t.ok(passes > 50, `${passes} passes`)
})

t.test('an offset map knows what a map knows, until it is full', async (t) => {
  const random = new SeededRandom(5)
  const map = new OffsetMap(24 * 1_000, 1e9)
  const model = new Map<string, number>()
  let full = 0
  for (let offset = 0; offset < 20_000; offset++) {
    const key = random.bytes(random.between(0, 3)).toString('hex')
    if (map.put(Buffer.from(key), offset)) model.set(key, offset)
    else full++
  }
  t.equal(map.count, 900)
  t.equal(map.count, model.size)
  t.ok(full > 0)
  for (const [key, offset] of model) if (map.get(Buffer.from(key)) !== offset) t.fail(key)
  t.equal(map.get(Buffer.from('never')), -1)
})

t.test('what Kafka has written, with each of its codecs, is cleaned as our own', async (t) => {
  const golden = new URL('../golden/', import.meta.url)
  let cleaned = 0
  for (const folder of readdirSync(golden).filter((name) => /-0$/.test(name))) {
    for (const name of readdirSync(new URL(`${folder}/`, golden)).filter((file) => file.endsWith('.log'))) {
      const bytes = readFileSync(new URL(`${folder}/${name}`, golden))
      for (let at = 0; at < bytes.length; at += sizeOfBatchAt(bytes, at)) {
        const batch = bytes.subarray(at, at + sizeOfBatchAt(bytes, at))
        const header = headerOfBatchAt(batch, 0)
        const records = readRecords(batch)
        // Every other record was superseded.
        const gone = new Set(records.filter((_, i) => i % 2 === 1).map(({ offset }) => offset))
        const keys = new Map(
          records.map((record) => [`${decodeRecordBody(record.body).key?.toString('hex')}`, record.offset]),
        )
        const latest = {
          get: (key: Uint8Array) => {
            const offset = keys.get(Buffer.from(key).toString('hex')) ?? -1
            return gone.has(offset) ? Number.MAX_SAFE_INTEGER : offset
          },
        }
        const kept = new BatchCleaner({ latest, knownTo: 0, nowMs: 0, deleteRetentionMs: 1 }).clean(batch)
        const stays = records.filter(({ offset, body }) => {
          const { key } = decodeRecordBody(body)
          return key === null || latest.get(key) <= offset
        })
        if (header.isControl || header.isTransactional || stays.length === records.length) {
          if (stays.length > 0 || header.isControl) t.equal(kept, batch, 'left as it is')
          continue
        }
        if (kept === undefined) {
          t.equal(stays.length, 0)
          continue
        }
        cleaned++
        t.equal(damageOfBatchAt(kept, 0), undefined)
        const { baseOffset, lastOffset, hasAppendTime, producerId } = header
        t.match(headerOfBatchAt(kept, 0), { baseOffset, lastOffset, hasAppendTime, producerId, codec: 'none' })
        t.same(readRecords(kept), stays)
      }
    }
  }
  t.ok(cleaned > 10, `${cleaned} batches`)
})
