// npm run kafka: Kafka's own DumpLogSegments over what the engine writes, before and after retention, and before and
// after compaction. Needs Java and, for the first run, Maven.
//
//   --records 1000000     in each of the two topics
//   --segment-bytes 8388608

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkSteps } from './check-steps.ts'
import { kafkaClassPath } from './kafka-jars.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    'segment-bytes': { type: 'string', default: String(8 * 1024 * 1024) },
  },
})
const kafka = kafkaClassPath()
if ('reason' in kafka) {
  console.error(`Kafka's reader cannot run: ${kafka.reason}.`)
  process.exit(2)
}
const work = mkdtempSync(join(process.env.DWELL_KAFKA_DIR ?? tmpdir(), 'dwell-kafka-'))
let failed = false
try {
  const sizes = { records: Number(values.records), segmentBytes: Number(values['segment-bytes']) }
  for await (const { name, checked, seconds } of checkSteps({ ...kafka, ...sizes, directory: work })) {
    const { files, batches, records, findings } = checked
    const verdict = findings.length === 0 ? 'nothing wrong' : `${findings.length} findings`
    console.log(
      `${name}: ${verdict} in ${files} files, ${batches} batches, ${records} records (${seconds.toFixed(1)} s)`,
    )
    for (const finding of findings) console.log(`  ${finding}`)
    failed ||= findings.length > 0
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
process.exit(failed ? 1 : 0)
