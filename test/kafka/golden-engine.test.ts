// The engine over folders of Kafka's: a log whose segments a real broker wrote is opened, read and written on.

import { join } from 'node:path'
import t from 'tap'
import { type EmbeddedEngine, readPage } from '../../storage/index.ts'
import { writeCleanedMark } from '../../storage/segment/cleaned-mark.ts'
import { METADATA, metadataText } from '../../storage/segment/partition-metadata.ts'
import { record } from '../contract/engine.ts'
import { openLog } from '../storage/log-on-simulated-disk.ts'
import { DATA, SimulatedDisk } from '../storage/simulated-disk.ts'
import { asExpected, type ExpectedRecord, FOLDERS, Golden } from './golden.ts'

const TOPIC = 'from-kafka'

/** A log with one topic, whose only partition is Kafka's; the checkpoint is gone, so the segments are looked through. */
async function openOver(golden: Golden): Promise<EmbeddedEngine> {
  const disk = new SimulatedDisk()
  const first = await openLog(disk)
  const cleanup = golden.folder === 'compacted-0' ? 'compact' : 'delete'
  const { id } = await first.createTopic(TOPIC, { partitions: 1, cleanup })
  await first.close()
  disk.takeAway(join(DATA, 'checkpoint'))
  const folder = join(DATA, 'topics', `${TOPIC}-0`)
  await disk.makeDirectory(folder)
  disk.place(join(folder, METADATA), Buffer.from(metadataText(id)))
  // In Kafka any gap of a compacted topic is right; here it says before which offset.
  if (cleanup === 'compact') await writeCleanedMark(disk, folder, { cleanedTo: 240, gapsTo: 240, horizonMs: 0 })
  for (const name of [...golden.names('.log'), ...golden.names('index')])
    disk.place(join(folder, name), golden.file(name))
  return openLog(disk)
}

async function recordsOf(engine: EmbeddedEngine, maxBytes: number): Promise<ExpectedRecord[]> {
  const { logStartOffset, highWatermark } = engine.offsets(TOPIC, 0)
  const records: ExpectedRecord[] = []
  for (let at = logStartOffset; at < highWatermark; ) {
    const page = readPage(await engine.read(TOPIC, 0, at, maxBytes), at)
    if (page.nextOffset <= at) throw new Error(`nothing at offset ${at}`)
    records.push(...page.records.map(asExpected))
    at = page.nextOffset
  }
  return records
}

for (const folder of FOLDERS) {
  t.test(`${folder}: the engine reads Kafka’s segments, and goes on behind them`, async (t) => {
    const golden = new Golden(folder)
    const { records, endOffset } = golden.expected
    const engine = await openOver(golden)
    t.match(engine.offsets(TOPIC, 0), { logStartOffset: 0, highWatermark: endOffset, logEndOffset: endOffset })
    for (const maxBytes of [1, 1024 * 1024]) t.strictSame(await recordsOf(engine, maxBytes), records)
    for (const { timestamp } of records) {
      const expected = records.find((other) => other.timestamp >= timestamp)?.offset
      t.equal(await engine.offsetForTime(TOPIC, 0, timestamp), expected, `the first one from ${timestamp} on`)
    }
    t.same(await engine.append([{ topic: TOPIC, partition: 0, records: [record('ours')] }]), [endOffset])
    await engine.checkpoint()
    const all = await recordsOf(engine, 4096)
    t.strictSame(all.slice(0, -1), records)
    t.match(all.at(-1), { offset: endOffset, value: 'ours' })
    await engine.close()
  })
}
