// A small log that was killed, each way to damage one place of it, and what comes of that: what the table of damage is held
// against. Every bit of every header and field is flipped; of what lies behind, one bit of each 13th byte. Where
// nothing may happen, and where a checksum covers a whole file (read bit by bit elsewhere), single bits are enough.

import { dirname } from 'node:path'
import type { Verdict } from '../../storage/damage.ts'
import { DwellError, readRecords } from '../../storage/index.ts'
import { BLOCK_SIZE, blocks } from '../../storage/journal/journal-format.ts'
import { record } from '../contract/engine.ts'
import { framesIn, KIB, openLog, Said } from './log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from './simulated-disk.ts'

const BEFORE = 16
const AFTER = 3
const OPTIONS = { segmentBytes: 6 * KIB, journalFileBytes: 32 * KIB, tailBytes: 1 }
const JOURNAL_HEADER_SIZE = 28
/** Of a batch or a frame: its fields, and the beginning of what they frame. */
const FIELDS_SIZE = 64
const CLOSED = `${DATA}/topics/orders-0/00000000000000000000`
const EPOCH = [12, 16]

export interface Damage {
  path: string
  place: string
  /** Undefined when the file is taken away. */
  bytes: Buffer | undefined
}

const text = (i: number) => `r${i} ${'.'.repeat(300)}`

export async function killedLog(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const engine = await openLog(disk, OPTIONS)
  // Enough of them to fill more than the last sector of `__topics`.
  for (let i = 0; i < 5; i++) await engine.createTopic(`topic-${i}`, { partitions: 1, cleanup: 'delete' })
  await engine.createTopic('orders', { partitions: 1, cleanup: 'delete' })
  const append = (i: number) =>
    engine.append([{ topic: 'orders', partition: 0, records: [record(text(2 * i), 1_000 + i), record(text(2 * i + 1), 1_000 + i)] }]) // biome-ignore format: one append
  for (let i = 0; i < BEFORE; i++) await append(i)
  await engine.checkpoint()
  for (let i = BEFORE; i < BEFORE + AFTER; i++) await append(i)
  disk.die()
  return disk.afterKill()
}

/** What became of a log: the verdict, with the code of a refusal, and whatever is wrong besides. */
export async function outcomeOf(
  disk: SimulatedDisk,
  damaged: string,
): Promise<{ verdict: Verdict; code?: string; wrong: string[] }> {
  const said = new Said()
  const wrong: string[] = []
  const engine = await openLog(disk, { ...OPTIONS, tailBytes: 64 * KIB, log: said }).catch((error: Error) => error)
  if (engine instanceof Error) {
    if (!(engine instanceof DwellError)) return { verdict: 'refuse', wrong: [`no code: ${engine.stack}`] }
    const place = String(engine.fields.path)
    if (!damaged.startsWith(place)) wrong.push(`it names ${place}`)
    return { verdict: 'refuse', code: engine.code, wrong }
  }
  const count = 2 * (BEFORE + AFTER)
  const codes = new Set<string>()
  let served = 0
  const { highWatermark } = engine.offsets('orders', 0)
  for (let offset = 0; offset < highWatermark; ) {
    try {
      for (const found of readRecords(await engine.read('orders', 0, offset, 1024 * KIB), offset)) {
        const isRight = found.offset === offset && Buffer.from(found.body).includes(text(offset))
        if (!isRight) wrong.push(`${offset} is ${found.offset}`)
        served++
        offset++
      }
    } catch (error) {
      if (!(error instanceof DwellError)) throw error
      codes.add(error.code)
      if (dirname(String(error.fields.path)) !== dirname(damaged)) wrong.push(`it names ${error.fields.path}`)
      // A damaged batch names the offsets that are gone; what cannot be told takes the rest.
      const lastOffset = error.code === 'BATCH_DAMAGED' ? Number(error.fields.lastOffset) : highWatermark
      if (error.code === 'BATCH_DAMAGED' && error.fields.offset !== offset)
        wrong.push(`it names ${error.fields.offset}`)
      if (lastOffset < offset) return { verdict: 'report', wrong: [`${offset} is behind ${lastOffset}`] }
      offset = lastOffset + 1
    }
  }
  const time = await engine.offsetForTime('orders', 0, 1_009).catch(() => -1)
  await engine.close().catch(() => {})
  const tornBytes = said.lines.find(({ fields }) => 'tornBytes' in fields)?.fields.tornBytes
  if (highWatermark < count)
    return { verdict: 'cut', wrong: Number(tornBytes) > 0 ? wrong : [...wrong, 'it does not say how many bytes'] }
  if (served < count) return { verdict: 'report', code: [...codes].join(), wrong }
  if (time !== 18) wrong.push(`the first record from 1,009 on is ${time}`)
  return { verdict: 'keep', wrong }
}

/** Every way to hit what a row of the table says; by `file: hit`. */
export function damagesOf(disk: SimulatedDisk): Record<string, () => Iterable<Damage>> {
  const frames = framesIn(disk)
  const last = frames.at(-1)!
  const journals = disk.paths().filter((path) => path.endsWith('.journal'))
  const needed = last.path
  const ahead = journals.at(-1)!
  const free = journals[0]
  const here = frames.filter(({ path }) => path === needed)
  const after = here.slice(-AFTER)
  // The one that grew when the checkpoint was written.
  const growing = disk.paths().findLast((path) => /orders-0\/0+16\.log$/.test(path))!
  const topics = `${DATA}/topics/__topics-0/00000000000000000000.log`
  const sizeOf = (path: string) => disk.contents(path).length
  const lastSectorOf = (path: string) => sizeOf(path) - (sizeOf(path) % 512)
  const whole = (path: string, step = 0) => flips(disk, path, 0, sizeOf(path), step)
  const gone = (path: string): Damage[] => [{ path, place: 'gone', bytes: undefined }]
  const cutOrGone = (path: string) => concat(cuts(disk, path), gone(path))
  const batches = (path: string, end: number) => outside(disk, path, flips(disk, path, 0, end))
  const tooLong = (path: string): Damage[] => [
    { path, place: 'doubled', bytes: Buffer.concat([disk.contents(path), disk.contents(path)]) },
    { path, place: 'with zeros', bytes: Buffer.concat([disk.contents(path), Buffer.alloc(4096)]) },
  ]
  const metadata = `${DATA}/topics/orders-0/partition.metadata`
  return {
    'journal: header of a needed file': () => flips(disk, needed, 0, JOURNAL_HEADER_SIZE),
    'journal: header of a file prepared ahead': () => flips(disk, ahead, 0, JOURNAL_HEADER_SIZE),
    'journal: zeros behind a header': () => flips(disk, needed, JOURNAL_HEADER_SIZE, BLOCK_SIZE, 487),
    'journal: frame before the checkpoint': () =>
      flips(disk, needed, here[0].position, here[0].position + here[0].size, 5),
    'journal: frame with others behind it': () =>
      concat(...after.slice(0, -1).map(({ position, size }) => flips(disk, needed, position, position + size))),
    'journal: last frame': () => flips(disk, needed, last.position, last.position + last.size),
    'journal: padding of a frame': () =>
      concat(...after.map(({ position, size }) => flips(disk, needed, position + size, position + blocks(size), 487))),
    'journal: room behind the last frame': () =>
      flips(disk, needed, last.position + blocks(last.size), sizeOf(needed), 487),
    'journal: needed file cut': () => cuts(disk, needed, borders(here, 397)),
    'journal: needed file gone': () => gone(needed),
    'journal: file prepared ahead cut': () => cuts(disk, ahead, borders([], 397)),
    'journal: file prepared ahead gone': () => gone(ahead),
    'journal: free file, anywhere, cut or gone': () =>
      concat(flips(disk, free, 0, JOURNAL_HEADER_SIZE), flips(disk, free, BLOCK_SIZE, sizeOf(free), 487), cuts(disk, free, borders([], 4_001)), gone(free)), // biome-ignore format: one list
    'checkpoint: anywhere': () => whole(`${DATA}/checkpoint`, 7),
    'checkpoint: cut or gone': () =>
      concat(cuts(disk, `${DATA}/checkpoint`, borders([], 7)), gone(`${DATA}/checkpoint`)),
    'segment: batch': () =>
      concat(batches(`${CLOSED}.log`, sizeOf(`${CLOSED}.log`)), batches(growing, lastSectorOf(growing))),
    'segment: leader epoch of a batch': () => within(disk, `${CLOSED}.log`, flips(disk, `${CLOSED}.log`, 0, sizeOf(`${CLOSED}.log`))), // biome-ignore format: one list
    'segment: last sector of a growing one': () => flips(disk, growing, lastSectorOf(growing), sizeOf(growing), 3),
    'segment: closed one cut or gone': () => cutOrGone(`${CLOSED}.log`),
    'segment: growing one cut or gone': () => cutOrGone(growing),
    'segment: batch of __topics': () => batches(topics, lastSectorOf(topics)),
    'segment: that of __topics cut or gone': () => cutOrGone(topics),
    'offset index: anywhere': () => whole(`${CLOSED}.index`),
    'offset index: cut, too long or gone': () => concat(cutOrGone(`${CLOSED}.index`), tooLong(`${CLOSED}.index`)),
    'time index: anywhere': () => whole(`${CLOSED}.timeindex`),
    'time index: cut, too long or gone': () => concat(cutOrGone(`${CLOSED}.timeindex`), tooLong(`${CLOSED}.timeindex`)),
    'partition.metadata: anywhere': () => whole(metadata, 1),
    'partition.metadata: cut or gone': () => cutOrGone(metadata),
  }
}

/** Every bit of the first FIELDS_SIZE bytes, one bit of each 13th behind; with `step`, one bit of each step-th byte. */
function* flips(disk: SimulatedDisk, path: string, from: number, to: number, step = 0): Iterable<Damage> {
  for (let at = from; at < to; ) {
    const isField = at - from < FIELDS_SIZE && step === 0
    for (let bit = isField ? 0 : at % 8; bit < (isField ? 8 : (at % 8) + 1); bit++) {
      const bytes = Buffer.from(disk.contents(path))
      bytes[at] ^= 1 << bit
      yield { path, place: `bit ${bit} of byte ${at}`, bytes }
    }
    at += step || (isField ? 1 : 13)
  }
}

/** Cut at these lengths; without them at every one of a small file, and at each 61st of a large one. */
function* cuts(disk: SimulatedDisk, path: string, lengths?: (size: number) => Iterable<number>): Iterable<Damage> {
  const contents = disk.contents(path)
  const step = contents.length > 1_000 ? 61 : 1
  const some = () => Array.from({ length: Math.ceil(contents.length / step) }, (_, i) => i * step)
  const all = lengths === undefined ? some() : lengths(contents.length)
  for (const length of all) {
    if (length < contents.length)
      yield { path, place: `cut at ${length}`, bytes: Buffer.from(contents.subarray(0, length)) }
  }
}

/** All lengths within the header, all around the borders of frames and of their fields, and each step-th. */
function borders(frames: readonly { position: number; size: number }[], step: number) {
  return function* (size: number): Iterable<number> {
    const wanted = new Set<number>()
    for (let at = 0; at < JOURNAL_HEADER_SIZE + 2; at++) wanted.add(at)
    for (let at = 0; at < size; at += step) wanted.add(at)
    for (let at = BLOCK_SIZE; at < size; at += BLOCK_SIZE) for (const by of [-1, 0, 1]) wanted.add(at + by)
    for (const { position, size: frame } of frames) {
      for (const field of [4, 8, 12, 20, 28, 32, 48, frame])
        for (const by of [-1, 0, 1]) wanted.add(position + field + by)
    }
    yield* [...wanted].sort((a, b) => a - b)
  }
}

function* concat<T>(...parts: Iterable<T>[]): Iterable<T> {
  for (const part of parts) yield* part
}

/** Those that hit the leader epoch of a batch. */
function* within(disk: SimulatedDisk, path: string, damages: Iterable<Damage>): Iterable<Damage> {
  for (const damage of damages) if (hitsEpoch(disk.contents(path), damage)) yield damage
}

function* outside(disk: SimulatedDisk, path: string, damages: Iterable<Damage>): Iterable<Damage> {
  for (const damage of damages) if (!hitsEpoch(disk.contents(path), damage)) yield damage
}

function hitsEpoch(log: Buffer, { place }: Damage): boolean {
  const at = Number(/\d+$/.exec(place)?.[0])
  let position = 0
  while (position + 12 + log.readInt32BE(position + 8) <= at) position += 12 + log.readInt32BE(position + 8)
  return at - position >= EPOCH[0] && at - position < EPOCH[1]
}
