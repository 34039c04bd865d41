import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bodyAt } from '../../storage/batch/record-at.ts'
import { batchSize, endOffsetOf, sizeOfBatchAt, writeBatch } from '../../storage/batch/record-batch.ts'
import { encodeRecordBody, readRecords } from '../../storage/index.ts'

const GOLDEN = join(import.meta.dirname, '..', 'golden')

function bodyOf(size: number): Buffer {
  return encodeRecordBody(null, Buffer.alloc(size, 'x'), [])
}

t.test('each record of a batch is found, and none that is not in it', async (t) => {
  // Lengths of one byte and of more, and deltas of timestamps and of offsets.
  const records = Array.from({ length: 300 }, (_, i) => ({ timestampMs: 1_000 + i * 70, body: bodyOf((i * 37) % 200) }))
  const bytes = Buffer.alloc(batchSize(records) + 10)
  writeBatch(bytes, 0, 5_000, records)
  for (const [i, { body }] of records.entries()) t.ok(body.equals(bodyAt(bytes, 5_000 + i) as Buffer))
  for (const offset of [4_999, 5_300]) t.equal(bodyAt(bytes, offset), undefined)
  t.equal(bodyAt(bytes.subarray(0, 100), 5_000), undefined, 'a batch that is not whole')
  t.equal(bodyAt(Buffer.alloc(0), 5_000), undefined)
})

t.test('what Kafka wrote is found as a page has it: compressed, with gaps, with control batches', async (t) => {
  let found = 0
  for (const folder of readdirSync(GOLDEN).filter((name) => name.endsWith('-0'))) {
    const [name] = readdirSync(join(GOLDEN, folder)).filter((file) => file.endsWith('.log'))
    const bytes = readFileSync(join(GOLDEN, folder, name))
    for (let at = 0; at < bytes.length; at += sizeOfBatchAt(bytes, at)) {
      const batch = bytes.subarray(at)
      const records = new Map(
        readRecords(batch.subarray(0, sizeOfBatchAt(batch, 0))).map((one) => [one.offset, one.body]),
      )
      for (let offset = Number(batch.readBigInt64BE(0)); offset < endOffsetOf(batch, 0); offset++) {
        const body = records.get(offset)
        if (body === undefined) t.equal(bodyAt(batch, offset), undefined, `${folder} has no record at ${offset}`)
        else if (Buffer.compare(bodyAt(batch, offset) ?? Buffer.alloc(0), body) === 0) found++
        else t.fail(`${folder}, offset ${offset}`)
      }
    }
  }
  t.ok(found > 100, `${found} records`)
})
