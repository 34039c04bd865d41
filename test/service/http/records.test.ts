// Reading a partition: as JSON, and as the record batches that are stored.

import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { sizeOfBatchAt } from '../../../storage/batch/record-batch.ts'
import { decodeRecordBody, readRecords, SystemDisk } from '../../../storage/index.ts'
import { writeCleanedMark } from '../../../storage/segment/cleaned-mark.ts'
import { Golden } from '../../kafka/golden.ts'
import { type RunningService, startService } from '../running-service.ts'

const PARTITION = '/v1/topics/orders/partitions/0'

interface Page {
  bytes: Buffer
  type: string | undefined
  nextOffset: number
  highWatermark: number
  logStartOffset: number
}

function readBatches(port: number, query: string): Promise<Page> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, path: `${PARTITION}/batches${query}`, agent: false }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part) => parts.push(part))
      answer.on('end', () => {
        const header = (name: string) => Number(answer.headers[`dwell-${name}`])
        resolve({
          bytes: Buffer.concat(parts),
          type: answer.headers['content-type'],
          nextOffset: header('next-offset'),
          highWatermark: header('high-watermark'),
          logStartOffset: header('log-start-offset'),
        })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

async function readAllBatches(port: number, maxBytes: number): Promise<Buffer> {
  const pages: Buffer[] = []
  for (let offset = 0; ; ) {
    const { bytes, nextOffset, highWatermark } = await readBatches(port, `?offset=${offset}&maxBytes=${maxBytes}`)
    pages.push(bytes)
    if (nextOffset === highWatermark) return Buffer.concat(pages)
    if (nextOffset <= offset) throw new Error(`nothing at ${offset}`)
    offset = nextOffset
  }
}

/** A service whose topic `orders` holds what Kafka wrote in a golden folder. */
async function startOverGolden(t: Test, folder: string): Promise<RunningService> {
  const first = await startService(t, { DEFAULT_PARTITIONS: 1 })
  await first.call('PUT', '/v1/topics/orders', { partitions: 1 })
  await first.publish('orders', { value: 'the folder is made' })
  await first.stop()
  const { directory } = first
  const orders = join(directory, 'topics', 'orders-0')
  for (const name of readdirSync(orders).filter((name) => /^\d/.test(name))) rmSync(join(orders, name))
  const golden = join(import.meta.dirname, '../../golden', folder)
  for (const name of readdirSync(golden).filter((name) => /^\d.*(log|index)$/.test(name))) {
    cpSync(join(golden, name), join(orders, name))
  }
  rmSync(join(directory, 'checkpoint'))
  const gapsTo = folder === 'compacted-0' ? 240 : 0
  await writeCleanedMark(new SystemDisk(), orders, { cleanedTo: gapsTo, gapsTo, horizonMs: 0 })
  return startService(t, {}, { directory })
}

t.test('stored bytes are handed out as they lie, in pages of any size', async (t) => {
  const { port, publish, stop, directory } = await startService(t, { DEFAULT_PARTITIONS: 1 })
  for (let i = 0; i < 20; i++) {
    await publish('orders', { messages: [{ value: `${i} a` }, { value: 'x'.repeat(i * 100), key: `${i}` }] })
  }
  const pages = await Promise.all([1, 500, 3_000, 1_000_000].map((maxBytes) => readAllBatches(port, maxBytes)))
  await stop()
  const folder = join(directory, 'topics', 'orders-0')
  const logs = readdirSync(folder).filter((name) => name.endsWith('.log'))
  const stored = Buffer.concat(logs.sort().map((name) => readFileSync(join(folder, name))))
  t.ok(stored.length > 20_000)
  for (const bytes of pages) t.ok(bytes.equals(stored))
})

t.test('a read in the middle of a batch answers the batch', async (t) => {
  const { port, publish } = await startService(t, { DEFAULT_PARTITIONS: 1 })
  await publish('orders', { messages: Array.from({ length: 10 }, (_, value) => ({ value })) })
  await publish('orders', { value: 10 })
  const page = await readBatches(port, '?offset=7&maxBytes=1')
  t.same(
    readRecords(page.bytes).map(({ offset }) => offset),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
  t.match(page, { type: 'application/octet-stream', nextOffset: 10, highWatermark: 11, logStartOffset: 0 })
})

t.test('a page has at least one batch, and no more bytes than were asked for', async (t) => {
  const { port, publish } = await startService(t, { DEFAULT_PARTITIONS: 1 })
  for (let i = 0; i < 5; i++) await publish('orders', { value: 'x'.repeat(1_000) })
  const one = await readBatches(port, '?maxBytes=1')
  t.equal(one.bytes.length, sizeOfBatchAt(one.bytes, 0))
  const size = one.bytes.length
  for (const [maxBytes, count] of [
    [size, 1],
    [2 * size - 1, 1],
    [2 * size, 2],
    [8 * 1024 * 1024, 5],
  ]) {
    const { bytes, nextOffset } = await readBatches(port, `?maxBytes=${maxBytes}`)
    t.same([bytes.length, nextOffset], [count * size, count], `maxBytes ${maxBytes}`)
  }
  const end = await readBatches(port, '?offset=latest')
  t.match(end, { nextOffset: 5, highWatermark: 5 })
  t.equal(end.bytes.length, 0, 'nothing at the high watermark')
})

t.test('what is wrong with a read is told alike for records and batches', async (t) => {
  const { call, publish } = await startService(t, { DEFAULT_PARTITIONS: 1 })
  await publish('orders', { value: 1 })
  const wrong: [query: string, status: number, fields: Record<string, unknown>][] = [
    ['offset=1.5', 400, { code: 'INVALID_FIELD', field: 'offset' }],
    ['offset=-1', 400, { code: 'INVALID_FIELD', field: 'offset' }],
    ['offset=', 400, { code: 'INVALID_FIELD', field: 'offset' }],
    ['offset=@tomorrow', 400, { code: 'INVALID_TIME', field: 'offset' }],
    ['offset=2', 416, { code: 'OFFSET_OUT_OF_RANGE', logStartOffset: 0, highWatermark: 1 }],
    ['from=1', 400, { code: 'UNKNOWN_FIELD', field: 'from' }],
  ]
  for (const [resource, field, max] of [
    ['records', 'limit', 10_000],
    ['batches', 'maxBytes', 8 * 1024 * 1024],
  ] as const) {
    for (const value of ['0', '-1', '1.5', 'x', '', 'NaN', 'Infinity', String(max + 1)]) {
      const answer = await call('GET', `${PARTITION}/${resource}?${field}=${value}`)
      t.match(answer, { status: 400, json: { code: 'INVALID_FIELD', field } }, `${resource} ${field}=${value}`)
    }
    t.match(await call('GET', `${PARTITION}/${resource}?${field}=1.5`), {
      json: { detail: new RegExp(`^${field} must be a whole number`) },
    })
    t.equal((await call('GET', `${PARTITION}/${resource}?${field}=${max}`)).status, 200)
    for (const [query, status, fields] of wrong) {
      t.match(await call('GET', `${PARTITION}/${resource}?${query}`), { status, json: fields }, `${resource}?${query}`)
    }
    const other = (path: string) => call('GET', `/v1/topics/${path}/${resource}`)
    t.match(await other('orders/partitions/1'), { status: 404, json: { code: 'PARTITION_NOT_FOUND' } })
    t.match(await other('orders/partitions/x'), { status: 400, json: { code: 'INVALID_FIELD' } })
    t.match(await other('nothing/partitions/0'), { status: 404, json: { code: 'TOPIC_NOT_FOUND' } })
    t.match(await other('__delay/partitions/0'), { status: 400, json: { code: 'INVALID_NAME' } })
  }
})

const LARGEST = 8 * 1024 * 1024

/** Asks for a page and takes nothing of it but its status before `goOn()`. */
function readSlowly(port: number): Promise<{ status: number | undefined; goOn: () => Promise<Buffer> }> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, path: `${PARTITION}/batches?maxBytes=${LARGEST}`, agent: false }, (answer) => {
      const goOn = () =>
        new Promise<Buffer>((resolve) => {
          const parts: Buffer[] = []
          answer.on('data', (part) => parts.push(part))
          answer.on('end', () => resolve(Buffer.concat(parts)))
        })
      resolve({ status: answer.statusCode, goOn })
    })
    sent.on('error', reject)
    sent.end()
  })
}

t.test('readers who take their pages slowly get them whole, and fill no memory', async (t) => {
  const { port, publish } = await startService(t, { DEFAULT_PARTITIONS: 1 })
  for (let i = 0; i < 40; i++) await publish('orders', { value: `${i % 10}`.repeat(500_000) })
  const whole = await readAllBatches(port, LARGEST)
  // More than sockets hold, so that most of it waits in the service, and memory is used again for what is read meanwhile.
  const waiting = await Promise.all([readSlowly(port), readSlowly(port)])
  for (let offset = 8; offset < 40; offset += 8) {
    const { bytes } = await readBatches(port, `?offset=${offset}&maxBytes=${LARGEST}`)
    t.ok(whole.includes(bytes))
  }
  const many = await Promise.all(Array.from({ length: 20 }, () => readSlowly(port)))
  t.equal(many.filter(({ status }) => status === 503).length, 6, 'pages of 128 MiB are on their way')
  for (const { status, goOn } of [...waiting, ...many]) {
    const bytes = await goOn()
    if (status === 503) t.equal(JSON.parse(bytes.toString()).code, 'OVERLOADED')
    else t.ok(bytes.length > 7_000_000 && bytes.equals(whole.subarray(0, bytes.length)), 'as it was when it was read')
  }
  t.ok((await readBatches(port, '')).bytes.length > 0, 'and there is room again')
})

for (const folder of ['compacted-0', 'gzip-0', 'snappy-0', 'lz4-0', 'zstd-0', 'transactional-0']) {
  t.test(`${folder}: records are read over gaps, control batches and whatever compressed them`, async (t) => {
    const { call, port } = await startOverGolden(t, folder)
    const golden = new Golden(folder)
    const { records, endOffset } = golden.expected
    for (const limit of [1, 7, 10_000]) {
      const offsets: number[] = []
      for (let offset = 0; offset < endOffset; ) {
        const { json } = await call('GET', `${PARTITION}/records?offset=${offset}&limit=${limit}`)
        if (json.nextOffset <= offset) throw new Error(`nothing at ${offset}`)
        t.equal(json.highWatermark, endOffset)
        for (const record of json.records) {
          offsets.push(record.offset)
          const expected = records.find((other) => other.offset === record.offset)
          t.equal(Date.parse(record.timestamp), expected?.timestamp)
          if (expected?.value === null || typeof expected?.value === 'string') t.equal(record.value, expected.value)
          else t.same(record.valueBase64, expected?.value.base64)
        }
        offset = json.nextOffset
      }
      t.strictSame(
        offsets,
        records.map(({ offset }) => offset),
        `limit ${limit}`,
      )
    }
    const stored = Buffer.concat(golden.names('.log').map((name) => golden.file(name)))
    t.ok((await readAllBatches(port, 1_000)).equals(stored), 'the batches are those that Kafka wrote')
    const [first] = readRecords((await readBatches(port, `?offset=@${records[5].timestamp}`)).bytes, records[5].offset)
    t.ok(first.timestampMs >= records[5].timestamp && decodeRecordBody(first.body))
  })
}
