// Damage in a segment costs exactly the batch that is damaged: whatever bit of it is flipped, the error names its offsets, and
// every other record is read as before, from every offset, whether the indexes are there or not, and whether gaps are allowed
// or not.

import t, { type Test } from 'tap'
import {
  BATCH_HEADER_SIZE,
  baseOffsetAt,
  batchSize,
  lastOffsetAt,
  writeBatch,
} from '../../storage/batch/record-batch.ts'
import { DwellError, readRecords } from '../../storage/index.ts'
import { OpenFiles } from '../../storage/segment/open-files.ts'
import { Segment } from '../../storage/segment/segment.ts'
import { record } from '../contract/engine.ts'
import { SimulatedDisk } from './simulated-disk.ts'

t.setTimeout(300_000)

const BASE = 40
const PATH = '/s/00000000000000000040'

/** Batches of which some have the same size, so that a wrong length may lead to the next but one. */
function batches(count: number, textSize = 60): Buffer[] {
  let offset = BASE
  return Array.from({ length: count }, (_, i) => {
    const records = Array.from({ length: 1 + (i % 3) }, (_, j) =>
      record(`${offset + j}${'.'.repeat(textSize)}`, 5_000 + i),
    )
    const batch = Buffer.alloc(batchSize(records))
    writeBatch(batch, 0, offset, records)
    offset += records.length
    return batch
  })
}

interface Made {
  disk: SimulatedDisk
  segment: Segment
}

async function segmentOf(bytes: Buffer, endOffset: number, mayHaveGaps: boolean, index?: Buffer): Promise<Made> {
  const disk = new SimulatedDisk({ turn: async () => {} })
  await disk.makeDirectory('/s')
  disk.place(`${PATH}.log`, bytes)
  if (index !== undefined) disk.place(`${PATH}.index`, index)
  const place = { disk, files: new OpenFiles(disk, 4), directory: '/s', baseOffset: BASE, mayHaveGaps }
  return { disk, segment: new Segment(place, bytes.length, endOffset) }
}

/** What reading from `offset` gives: the offset of the first record and its text's number, or what cannot be read. */
async function at(segment: Segment, offset: number, maxBytes = 1): Promise<string> {
  try {
    const [first] = readRecords(await segment.read(offset, maxBytes), offset)
    return `${first?.offset} ${
      /\d+/.exec(
        Buffer.from(first?.body ?? [])
          .toString('latin1')
          .replace(/^[^\d]*/, ''),
      )?.[0]
    }`
  } catch (error) {
    if (!(error instanceof DwellError)) throw error
    return `${error.code} ${error.fields.offset}-${error.fields.lastOffset}`
  }
}

async function check(
  t: Test,
  made: Made,
  whole: readonly Buffer[],
  damaged: number,
  what: string,
  from: readonly number[],
): Promise<boolean> {
  const first = baseOffsetAt(whole[damaged], 0)
  const last = lastOffsetAt(whole[damaged], 0)
  for (const offset of from) {
    const found = await at(made.segment, offset)
    const expected = offset >= first && offset <= last ? `BATCH_DAMAGED ${offset}-${last}` : `${offset} ${offset}`
    if (found !== expected) {
      t.equal(found, expected, `${what}, read at ${offset}`)
      return false
    }
  }
  return true
}

for (const mayHaveGaps of [false, true]) {
  t.test(`any bit of a header, gaps ${mayHaveGaps ? 'allowed' : 'not allowed'}`, async (t) => {
    const whole = batches(9)
    const bytes = Buffer.concat(whole)
    const endOffset = lastOffsetAt(whole[whole.length - 1], 0) + 1
    const offsets = Array.from({ length: endOffset - BASE }, (_, i) => BASE + i)
    for (const damaged of [0, 4, 8]) {
      const position = whole.slice(0, damaged).reduce((sum, batch) => sum + batch.length, 0)
      for (let bit = 0; bit < 8 * (BATCH_HEADER_SIZE + 4); bit++) {
        // The leader epoch is under no checksum, and nobody reads it.
        if (bit >= 8 * 12 && bit < 8 * 16) continue
        const flipped = Buffer.from(bytes)
        flipped[position + (bit >> 3)] ^= 0x80 >> (bit & 7)
        const made = await segmentOf(flipped, endOffset, mayHaveGaps)
        if (!(await check(t, made, whole, damaged, `bit ${bit} of batch ${damaged}`, offsets))) return
      }
    }
    t.pass()
  })
}

t.test('any bit of a header far from the beginning, found through the index', async (t) => {
  const whole = batches(90, 300)
  const bytes = Buffer.concat(whole)
  const endOffset = lastOffsetAt(whole[whole.length - 1], 0) + 1
  const made = await segmentOf(bytes, endOffset, false)
  await made.segment.ready(false)
  await made.segment.sync(true)
  const index = Buffer.from(made.disk.contents(`${PATH}.index`))
  t.ok(index.length >= 8 * 8)
  const indexed = new Set(Array.from({ length: index.length / 8 }, (_, i) => index.readInt32BE(i * 8 + 4)))
  for (const damaged of [32, 33, 34, 35, 36, 37]) {
    const position = whole.slice(0, damaged).reduce((sum, batch) => sum + batch.length, 0)
    const first = baseOffsetAt(whole[damaged], 0)
    const offsets = Array.from({ length: 12 }, (_, i) => first - 6 + i)
    for (let bit = 0; bit < 8 * BATCH_HEADER_SIZE; bit += indexed.has(position) ? 2 : 7) {
      if (bit >= 8 * 12 && bit < 8 * 16) continue
      const flipped = Buffer.from(bytes)
      flipped[position + (bit >> 3)] ^= 0x80 >> (bit & 7)
      const again = await segmentOf(flipped, endOffset, false, index)
      if (!(await check(t, again, whole, damaged, `bit ${bit} of batch ${damaged}`, offsets))) return
    }
  }
  t.pass()
})

t.test('an index that lies in the middle changes no answer', async (t) => {
  const whole = batches(90, 300)
  const bytes = Buffer.concat(whole)
  const endOffset = lastOffsetAt(whole[whole.length - 1], 0) + 1
  const made = await segmentOf(bytes, endOffset, false)
  await made.segment.ready(false)
  await made.segment.sync(true)
  const index = Buffer.from(made.disk.contents(`${PATH}.index`))
  for (let bit = 8 * 8 * 2; bit < 8 * 8 * 4; bit++) {
    const lying = Buffer.from(index)
    lying[bit >> 3] ^= 0x80 >> (bit & 7)
    const { segment } = await segmentOf(bytes, endOffset, false, lying)
    for (let offset = BASE; offset < endOffset; offset += 3) {
      const found = await at(segment, offset)
      if (found !== `${offset} ${offset}`) return void t.equal(found, `${offset} ${offset}`, `bit ${bit}`)
    }
  }
  t.pass()
})

t.test('two damaged batches side by side, and with a good one between them', async (t) => {
  const whole = batches(9)
  const endOffset = lastOffsetAt(whole[8], 0) + 1
  const positionOf = (i: number) => whole.slice(0, i).reduce((sum, batch) => sum + batch.length, 0)
  const beside = Buffer.concat(whole)
  beside[positionOf(3) + 70] ^= 1
  beside[positionOf(4) + 70] ^= 1
  const { segment } = await segmentOf(beside, endOffset, false)
  const [third, fourth, fifth] = [3, 4, 5].map((i) => baseOffsetAt(whole[i], 0))
  t.equal(await at(segment, third), `BATCH_DAMAGED ${third}-${fifth - 1}`, 'all that cannot be read, in one')
  t.equal(await at(segment, fourth), `BATCH_DAMAGED ${fourth}-${fifth - 1}`)
  t.equal(await at(segment, fifth), `${fifth} ${fifth}`)
  const between = Buffer.concat(whole)
  between[positionOf(3) + 70] ^= 1
  between[positionOf(5) + 70] ^= 1
  const other = (await segmentOf(between, endOffset, false)).segment
  t.equal(await at(other, third), `BATCH_DAMAGED ${third}-${fourth - 1}`)
  t.equal(await at(other, fourth), `${fourth} ${fourth}`)
})

t.test('a stretch of zeros, a file that ends early, a file that is gone', async (t) => {
  const whole = batches(9)
  const bytes = Buffer.concat(whole)
  const endOffset = lastOffsetAt(whole[8], 0) + 1
  const position = whole[0].length + whole[1].length
  const zeros = Buffer.from(bytes)
  zeros.fill(0, position + 10, position + whole[2].length + whole[3].length + 20)
  const first = baseOffsetAt(whole[2], 0)
  const { segment } = await segmentOf(zeros, endOffset, false)
  t.equal(await at(segment, first), `BATCH_DAMAGED ${first}-${lastOffsetAt(whole[4], 0)}`)
  t.equal(await at(segment, first + 2), `BATCH_DAMAGED ${first + 2}-${lastOffsetAt(whole[4], 0)}`)
  t.equal(await at(segment, lastOffsetAt(whole[4], 0) + 1), `${baseOffsetAt(whole[5], 0)} ${baseOffsetAt(whole[5], 0)}`)

  const cut = await segmentOf(bytes.subarray(0, position + 30), endOffset, false)
  cut.segment.size = bytes.length
  t.equal(await at(cut.segment, BASE), `${BASE} ${BASE}`)
  t.equal(await at(cut.segment, first), `BATCH_DAMAGED ${first}-${endOffset - 1}`)

  const gone = await segmentOf(bytes, endOffset, false)
  gone.disk.takeAway(`${PATH}.log`)
  t.equal(await at(gone.segment, BASE + 3), `BATCH_DAMAGED ${BASE + 3}-${endOffset - 1}`)
  t.notOk(gone.disk.paths().includes(`${PATH}.log`), 'it is not made anew')
})

t.test('records that look like batches are not taken for some', async (t) => {
  const inner = Buffer.concat(batches(4))
  const records = [{ timestampMs: 1, body: Buffer.concat([Buffer.from([1, 0]), inner]) }]
  const outer = Buffer.alloc(batchSize(records))
  writeBatch(outer, 0, BASE, records)
  const after = record('41')
  const next = Buffer.alloc(batchSize([after]))
  writeBatch(next, 0, BASE + 1, [after])
  const bytes = Buffer.concat([outer, next])
  bytes[90] ^= 1
  const { segment } = await segmentOf(bytes, BASE + 2, false)
  t.equal(await at(segment, BASE), `BATCH_DAMAGED ${BASE}-${BASE}`)
  t.equal(await at(segment, BASE + 1), `${BASE + 1} 41`)
})
