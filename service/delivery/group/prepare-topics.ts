// The topics that a group makes for itself: lanes and dead letters, with the partitions of its own topic.

import { DwellError, type LogEngine } from '../../../storage/index.ts'

const ATTEMPTS_MAX = 3

export interface OwnTopicSettings {
  partitions: number
  /** Of a topic that is created. */
  retentionMs?: number
}

/** Makes sure that they are there, with at least so many partitions. */
export async function prepareTopics(
  engine: LogEngine,
  topics: Iterable<string>,
  settings: OwnTopicSettings,
): Promise<void> {
  const all = [...topics]
  const missing = () => all.filter((topic) => (engine.topic(topic)?.partitions ?? 0) < settings.partitions)
  for (let attempt = 0; missing().length > 0; attempt++) {
    if (attempt === ATTEMPTS_MAX) throw new DwellError('TOPIC_NOT_FOUND', `There is no topic ${missing()[0]}.`)
    for (const topic of missing()) await makeTopic(engine, topic, settings)
  }
}

async function makeTopic(engine: LogEngine, topic: string, settings: OwnTopicSettings): Promise<void> {
  const { partitions, retentionMs } = settings
  const description = engine.topic(topic)
  try {
    if (description === undefined) await engine.createTopic(topic, { partitions, retentionMs, cleanup: 'delete' })
    else await engine.alterTopic(topic, { ...description, partitions })
  } catch (error) {
    // Another call was faster, or somebody deleted it: prepareTopics looks again.
    const codes = ['TOPIC_EXISTS', 'TOPIC_NOT_FOUND', 'PARTITIONS_CANNOT_SHRINK']
    if (!(error instanceof DwellError) || !codes.includes(error.code)) throw error
  }
}
