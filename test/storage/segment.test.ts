// Segments are Kafka's: what a Kafka 4.1.2 broker wrote (test/golden/kafka-none-0) is read record by record, and the
// indexes that we make for its segments are those that it made, byte by byte.

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { decodeRecordBody, readRecords } from '../../storage/index.ts'
import { OpenFiles } from '../../storage/log/open-files.ts'
import { Segment } from '../../storage/log/segment.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const GOLDEN = new URL('../golden/kafka-none-0/', import.meta.url)

function golden(name: string): Buffer {
  return readFileSync(new URL(name, GOLDEN))
}

const LOGS = readdirSync(GOLDEN)
  .filter((name) => name.endsWith('.log'))
  .sort()

async function segmentOf(name: string): Promise<{ disk: SimulatedDisk; segment: Segment }> {
  const disk = new SimulatedDisk()
  await disk.makeDirectory('/kafka')
  disk.place(`/kafka/${name}`, golden(name))
  const place = { disk, files: new OpenFiles(disk, 4), directory: '/kafka', baseOffset: Number(name.slice(0, 20)) }
  return { disk, segment: new Segment(place, golden(name).length) }
}

t.test('the indexes made for Kafka’s segments are those that Kafka made', async (t) => {
  for (const name of LOGS) {
    const { disk, segment } = await segmentOf(name)
    await segment.ready(false)
    await segment.finish()
    await segment.sync(true)
    for (const ending of ['index', 'timeindex']) {
      const index = name.replace(/log$/, ending)
      t.equal(disk.contents(`/kafka/${index}`).toString('hex'), golden(index).toString('hex'), index)
    }
  }
})

t.test('Kafka’s own indexes are believed', async (t) => {
  for (const name of LOGS) {
    const { disk, segment } = await segmentOf(name)
    for (const ending of ['index', 'timeindex']) {
      const index = name.replace(/log$/, ending)
      disk.place(`/kafka/${index}`, golden(index))
    }
    disk.onCall = (_call, what) => {
      t.notMatch(what, /^(write|truncate)/)
      return 'go on'
    }
    await segment.ready()
  }
})

t.test('the records of Kafka’s segments are those that a Kafka consumer reads', async (t) => {
  const { records } = JSON.parse(golden('expected.json').toString())
  const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString())
  const read: unknown[] = []
  for (const name of LOGS) {
    const { segment } = await segmentOf(name)
    for (let at = segment.baseOffset; ; ) {
      const found = readRecords(await segment.read(at, 700), at)
      if (found.length === 0) break
      for (const { offset, timestampMs, body } of found) {
        const { key, value, headers } = decodeRecordBody(body)
        const named = headers.map(([header, content]) => ({ key: header, value: text(content) }))
        read.push({ offset, timestamp: timestampMs, key: text(key), value: text(value), headers: named })
        at = offset + 1
      }
    }
  }
  t.equal(read.length, records.length)
  for (const [i, record] of read.entries())
    t.match(record, { offset: records[i].offset, timestamp: records[i].timestamp })
  t.match(read[0], { key: records[0].key, value: records[0].value })
})
