// Segments are Kafka's: everything that a real broker wrote (test/golden) is read as Kafka's own consumer reads it, and
// the indexes that we make for its segments are those that it made, byte by byte.

import t from 'tap'
import { headerOfBatchAt, sizeOfBatchAt } from '../../storage/batch/record-batch.ts'
import { readPage } from '../../storage/index.ts'
import type { Segment } from '../../storage/segment/segment.ts'
import { asExpected, type ExpectedRecord, FOLDERS, Golden } from './golden.ts'
import { readCommittedOffsets, readTransactionIndex } from './read-committed.ts'

/** All records of a segment, read as a consumer does: in pages, going on where the last one ended. */
async function recordsOf(segment: Segment, maxBytes: number): Promise<ExpectedRecord[]> {
  const records: ExpectedRecord[] = []
  for (let at = segment.baseOffset; ; ) {
    const bytes = await segment.read(at, maxBytes)
    if (bytes.length === 0) return records
    const page = readPage(bytes, at)
    records.push(...page.records.map(asExpected))
    at = page.nextOffset
  }
}

t.test('the folders are those that are expected', async (t) => {
  const codecs = ['gzip-0', 'lz4-0', 'none-0', 'snappy-0', 'zstd-0']
  t.same([...FOLDERS].sort(), ['append-time-0', 'compacted-0', 'idempotent-0', 'transactional-0', ...codecs].sort())
})

for (const folder of FOLDERS) {
  t.test(`${folder}: the records are those that a Kafka consumer reads`, async (t) => {
    const golden = new Golden(folder)
    for (const maxBytes of [1, 700, 1024 * 1024]) {
      const records: ExpectedRecord[] = []
      for (const name of golden.names('.log')) records.push(...(await recordsOf(await golden.segment(name), maxBytes)))
      t.strictSame(records, golden.expected.records, `in pages of ${maxBytes} bytes`)
    }
  })

  t.test(`${folder}: a read from any offset answers the batch that holds it, or the next one there is`, async (t) => {
    const golden = new Golden(folder)
    for (const [i, { file, baseOffset, batches }] of golden.segments.entries()) {
      const segment = await golden.segment(file)
      const end = golden.segments[i + 1]?.baseOffset ?? golden.expected.endOffset
      for (let offset = baseOffset; offset < end; offset++) {
        const bytes = await segment.read(offset, 1)
        const batch = batches.find(({ lastOffset }) => (lastOffset as number) >= offset)
        t.equal(headerOfBatchAt(bytes, 0).baseOffset, batch?.baseOffset, `offset ${offset} of ${file}`)
        const next = golden.expected.records.find((record) => record.offset >= offset)
        const [found] = readPage(bytes, offset).records
        if (found !== undefined) t.strictSame(asExpected(found), next)
      }
      t.equal((await segment.read(end, 1)).length, 0)
    }
  })

  t.test(`${folder}: the headers of the batches are as Kafka’s classes read them`, async (t) => {
    const golden = new Golden(folder)
    for (const { file, batches } of golden.segments) {
      const bytes = golden.file(file)
      let position = 0
      for (const expected of batches) {
        const {
          recordCount,
          hasAppendTime: _,
          baseTimestampMs,
          maxTimestampMs,
          ...header
        } = headerOfBatchAt(bytes, position)
        const { count, control: _control, baseTimestamp, maxTimestamp, deleteHorizonMs, ...rest } = expected
        t.strictSame({ position, ...header }, { ...rest, deleteHorizonMs })
        t.strictSame([recordCount, baseTimestampMs, maxTimestampMs], [count, baseTimestamp, maxTimestamp])
        position += sizeOfBatchAt(bytes, position)
      }
      t.equal(position, bytes.length)
    }
  })

  t.test(`${folder}: the indexes made for Kafka’s segments are those that Kafka made`, async (t) => {
    const golden = new Golden(folder)
    for (const name of golden.names('.log')) {
      const segment = await golden.segment(name, { indexes: false })
      await segment.ready(false)
      await segment.finish()
      await segment.sync(true)
      for (const ending of ['index', 'timeindex']) {
        const index = name.replace(/log$/, ending)
        t.equal(golden.disk.contents(golden.path(index)).toString('hex'), golden.file(index).toString('hex'), index)
      }
    }
  })

  t.test(`${folder}: Kafka’s own indexes are believed`, async (t) => {
    const golden = new Golden(folder)
    for (const name of golden.names('.log')) {
      const segment = await golden.segment(name)
      golden.disk.onCall = (_call, what) => {
        t.notMatch(what, /^(write|truncate)/)
        return 'go on'
      }
      await segment.ready()
      golden.disk.onCall = () => 'go on'
    }
  })

  t.test(`${folder}: the first record that is not earlier than a time is found`, async (t) => {
    const golden = new Golden(folder)
    const { records } = golden.expected
    const times = new Set(records.flatMap(({ timestamp }) => [timestamp - 1, timestamp, timestamp + 1]))
    for (const { file, baseOffset, batches } of golden.segments) {
      const segment = await golden.segment(file)
      const lastOffset = batches.at(-1)?.lastOffset as number
      const mine = records.filter(({ offset }) => offset >= baseOffset && offset <= lastOffset)
      for (const time of times) {
        const expected = mine.find(({ timestamp }) => timestamp >= time)?.offset
        t.equal(await segment.offsetForTime(time), expected, `${time} in ${file}`)
      }
    }
  })
}

t.test(
  'transactional-0: the transaction index is Kafka’s, and read_committed sees what Kafka’s consumer sees',
  async (t) => {
    const golden = new Golden('transactional-0')
    const aborted = golden.names('.txnindex').flatMap((name) => readTransactionIndex(golden.file(name)))
    t.strictSame(
      aborted,
      golden.segments.flatMap(({ txnindex }) => txnindex ?? []),
    )
    const bytes = Buffer.concat(golden.names('.log').map((name) => golden.file(name)))
    t.strictSame(readCommittedOffsets(bytes, aborted), golden.expected.readCommittedOffsets)
  },
)
