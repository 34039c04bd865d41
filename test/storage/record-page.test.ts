// Records as readers of the log see them. What a real Kafka wrote is in test/kafka/golden.test.ts; here are the bounds,
// and test/faults/README.md row I1: any bytes give a page or an error with a code.

import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import {
  BATCH_HEADER_SIZE,
  batchSize,
  damageOfBatchAt,
  endOffsetOf,
  writeBatch,
} from '../../storage/batch/record-batch.ts'
import { UNPACKED_BYTES_MAX } from '../../storage/batch/record-page.ts'
import { crc32c, DwellError, encodeRecordBody, type LogRecord, readPage } from '../../storage/index.ts'
import { record } from '../contract/engine.ts'
import { FOLDERS, Golden } from '../kafka/golden.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const MIB = 1024 * 1024

function batchOf(baseOffset: number, records: readonly LogRecord[]): Buffer {
  const bytes = Buffer.alloc(batchSize(records))
  writeBatch(bytes, 0, baseOffset, records)
  return bytes
}

/** A batch with the same records, compressed, and a checksum to match. */
function packed(batch: Buffer, codec: number, compress: (block: Buffer) => Buffer): Buffer {
  const block = compress(batch.subarray(BATCH_HEADER_SIZE))
  const bytes = Buffer.concat([batch.subarray(0, BATCH_HEADER_SIZE), block])
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt16BE(codec, 21)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}

function ofSize(size: number): LogRecord {
  return { timestampMs: 5, body: encodeRecordBody(null, Buffer.alloc(size), []) }
}

function codeOf(task: () => unknown): string {
  try {
    task()
    return 'no error'
  } catch (error) {
    return error instanceof DwellError ? error.code : String(error)
  }
}

t.test('a page ends before its compressed batches unpack to too much, and goes on there', async (t) => {
  for (const [codec, compress] of [
    [1, gzipSync],
    [4, zstdCompressSync],
  ] as const) {
    const batches = [0, 1, 2].map((offset) => packed(batchOf(offset, [ofSize(12 * MIB)]), codec, compress))
    const bytes = Buffer.concat(batches)
    const first = readPage(bytes)
    t.same(
      first.records.map(({ offset }) => offset),
      [0, 1],
    )
    t.equal(first.nextOffset, 2)
    const second = readPage(bytes, first.nextOffset)
    t.match(second, { records: [{ offset: 2 }], nextOffset: 3 })
  }
})

t.test('a batch that alone unpacks to too much is an error that names it', async (t) => {
  const batch = packed(batchOf(7, [record('a'), ofSize(UNPACKED_BYTES_MAX)]), 4, zstdCompressSync)
  t.ok(batch.length < MIB)
  t.throws(() => readPage(batch), { code: 'BATCH_TOO_LARGE', fields: { offset: 7, lastOffset: 8 } })
})

t.test('a codec that nobody knows is an error that names the batch', async (t) => {
  for (const codec of [5, 6, 7]) {
    const batch = packed(batchOf(3, [record('a')]), codec, (block) => block)
    t.throws(() => readPage(batch), { code: 'CODEC_UNSUPPORTED', fields: { offset: 3, lastOffset: 3 } })
  }
})

t.test('a compressed block that is not what it says is an error that names the batch', async (t) => {
  for (const codec of [1, 2, 3, 4]) {
    const batch = packed(batchOf(3, [record('a'), record('b')]), codec, (block) => block)
    t.throws(() => readPage(batch), { code: 'RECORD_DAMAGED', fields: { offset: 3, lastOffset: 4 } })
  }
})

t.test('records that are fewer or more than the header says are damage, compressed or not', async (t) => {
  const three = batchOf(0, [record('a'), record('b'), record('c')])
  for (const count of [-1, 0, 2, 4, 2 ** 31 - 1]) {
    const changed = Buffer.from(three)
    changed.writeInt32BE(count, 57)
    t.throws(() => readPage(changed), { code: 'RECORD_DAMAGED' }, `${count}`)
    t.throws(() => readPage(packed(changed, 4, zstdCompressSync)), { code: 'RECORD_DAMAGED' }, `${count}, compressed`)
  }
  const past = Buffer.from(three)
  past.writeInt32BE(1, 23)
  t.throws(() => readPage(past), { code: 'RECORD_DAMAGED' }, 'a record behind the last offset')
})

t.test('where there are only gaps a page has no records, and says where to go on', async (t) => {
  const bytes = new Golden('compacted-0').file('00000000000000000000.log')
  t.same(readPage(bytes.subarray(0, 61)), { records: [], nextOffset: 64 }, 'an emptied batch')
  t.same(readPage(bytes.subarray(61, 61 + 142), 67).records.length, 1)
  t.same(readPage(bytes.subarray(61, 61 + 142), 70), { records: [], nextOffset: 70 })
  t.same(readPage(Buffer.alloc(0), 5), { records: [], nextOffset: 5 })
  t.equal(endOffsetOf(bytes), 240)
  t.equal(endOffsetOf(bytes.subarray(0, bytes.length - 1)), 230, 'a batch that is cut does not count')
})

t.test('any bytes give a page or an error with a code', async (t) => {
  const codes = new Set<string>()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400, size: 'max' }), fc.nat(), (made, fromOffset) => {
      const bytes = Buffer.from(made)
      // As it is, and as one batch of a readable size.
      codes.add(codeOf(() => readPage(bytes, fromOffset)))
      if (bytes.length >= BATCH_HEADER_SIZE) {
        bytes.writeInt32BE(bytes.length - 12, 8)
        codes.add(codeOf(() => readPage(bytes)))
      }
      damageOfBatchAt(bytes, 0)
      endOffsetOf(bytes, fromOffset)
      return [...codes].every((code) =>
        ['no error', 'RECORD_DAMAGED', 'CODEC_UNSUPPORTED', 'BATCH_TOO_LARGE'].includes(code),
      )
    }),
    { numRuns: 5_000 },
  )
  t.ok(codes.has('RECORD_DAMAGED'))
})

t.test('any change of what Kafka wrote gives a page or an error with a code, in bounded memory', async (t) => {
  const random = new SeededRandom(1)
  const outcomes: Record<string, number> = {}
  for (const folder of FOLDERS) {
    const golden = new Golden(folder)
    for (const name of golden.names('.log')) {
      const original = golden.file(name)
      for (let round = 0; round < 1_000; round++) {
        const bytes = Buffer.from(original)
        const changes = random.between(1, 4)
        for (let n = 0; n < changes; n++) bytes[random.between(0, bytes.length - 1)] = random.between(0, 255)
        const from = random.pick([0, random.between(0, 300)])
        const end = random.chance(0.2) ? random.between(0, bytes.length) : bytes.length
        const code = codeOf(() => {
          const { records, nextOffset } = readPage(bytes.subarray(0, end), from)
          if (nextOffset < from) throw new Error('it goes back')
          const size = records.reduce((sum, { body }) => sum + body.length, 0)
          if (size > UNPACKED_BYTES_MAX) throw new Error(`${size} bytes`)
        })
        outcomes[code] = (outcomes[code] ?? 0) + 1
        if (!['no error', 'RECORD_DAMAGED', 'CODEC_UNSUPPORTED', 'BATCH_TOO_LARGE'].includes(code))
          t.fail(`${name}: ${code}`)
      }
    }
  }
  t.ok(outcomes.RECORD_DAMAGED > 500, JSON.stringify(outcomes))
})
