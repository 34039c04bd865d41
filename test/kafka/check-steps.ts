// The steps of a check by Kafka's reader: a topic as it was written and after retention, another one as it was written
// and after compaction. Between writing and reading the engine is closed.

import { join } from 'node:path'
import type { EmbeddedEngine } from '../../storage/index.ts'
import { type Checked, checkByKafka } from './kafka-check.ts'
import { openEngine, PARTITIONS, TOPIC, writeTopic } from './written-topic.ts'

export interface StepsOptions {
  classPath: string
  directory: string
  records: number
  segmentBytes: number
}

export interface Step {
  name: string
  checked: Checked
  seconds: number
}

export async function* checkSteps(options: StepsOptions): AsyncGenerator<Step> {
  const { classPath, records, segmentBytes } = options
  const step = async (name: string, cleanup: 'delete' | 'compact', work: (engine: EmbeddedEngine) => Promise<void>) => {
    const startedMs = performance.now()
    const directory = join(options.directory, cleanup)
    const engine = await openEngine(directory, segmentBytes)
    await work(engine)
    const spans = Array.from({ length: PARTITIONS }, (_, partition) => engine.offsets(TOPIC, partition))
    await engine.close()
    const compacted = name.startsWith('compacted')
    const checked = await checkByKafka({ classPath, directory, cleanup, spans, compacted })
    return { name, checked, seconds: (performance.now() - startedMs) / 1000 }
  }

  yield step('written', 'delete', (engine) => writeTopic(engine, { records, cleanup: 'delete' }))
  yield step('retained', 'delete', retain)
  yield step('written with keys', 'compact', (engine) => writeTopic(engine, { records, cleanup: 'compact' }))
  yield step('compacted', 'compact', (engine) => engine.compact())
  yield step('compacted, written on and compacted', 'compact', async (engine) => {
    await writeTopic(engine, { records: Math.ceil(records * 1.2), cleanup: 'compact' })
    await engine.checkpoint()
    await engine.compact()
  })
}

/** Half of each partition goes, by its size. */
async function retain(engine: EmbeddedEngine): Promise<void> {
  const { sizeBytes } = engine.offsets(TOPIC, 0)
  await engine.alterTopic(TOPIC, {
    partitions: PARTITIONS,
    cleanup: 'delete',
    retentionBytes: Math.floor(sizeBytes / 2),
  })
  await engine.checkpoint()
  for (let partition = 0; partition < PARTITIONS; partition++) {
    if (engine.offsets(TOPIC, partition).logStartOffset === 0)
      throw new Error(`retention left ${TOPIC}-${partition} as it was`)
  }
  await engine.checkpoint()
}
