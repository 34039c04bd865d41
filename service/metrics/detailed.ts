// What is known of one topic, or of one group of it, in Prometheus' text format: for a look, or for a scrape of the few that
// matter most. /metrics has only as many topics and groups as a setting allows.

import type { LogEngine } from '../../storage/index.ts'
import type { Census } from '../../timewheel/index.ts'
import type { GroupDescription } from '../delivery/index.ts'
import { type Labelled, Series } from './series.ts'

/** Of a topic that there is. */
export function detailsOfTopic(engine: LogEngine, census: Census, topic: string): Promise<string> {
  const series = new Series()
  const { partitions, id } = engine.topic(topic) ?? { partitions: 0, id: 0 }
  const offsets = Array.from({ length: partitions }, (_, partition) => engine.offsets(topic, partition))
  const each = (read: (of: (typeof offsets)[number]) => number): Labelled =>
    offsets.map((of, partition) => [[topic, String(partition)], read(of)] as const)
  const labels = ['topic', 'partition']
  series.gauges('dwell_partition_start_offset', 'The first offset that is kept.', labels, () =>
    each(({ logStartOffset }) => logStartOffset),
  )
  series.gauges('dwell_partition_end_offset', 'The first offset that is not yet durable.', labels, () =>
    each(({ highWatermark }) => highWatermark),
  )
  series.gauges('dwell_partition_size_bytes', 'Its records on disk.', labels, () => each(({ sizeBytes }) => sizeBytes))
  series.gauges('dwell_topic_delayed_pending', 'Its delayed messages that wait.', ['topic'], () => [
    [[topic], census.countOf(id)],
  ])
  return series.registry.metrics()
}

export function detailsOfGroup(described: GroupDescription, waitingAcquires: number): Promise<string> {
  const { topic, group, settings, partitions } = described
  const series = new Series()
  const labels = ['topic', 'group', 'partition']
  const each = (read: (of: (typeof partitions)[number]) => number): Labelled =>
    partitions.map((of) => [[topic, group, String(of.partition)], read(of)] as const)
  series.gauges('dwell_partition_lag', 'Records that the group has not finished.', labels, () => each(({ lag }) => lag))
  series.gauges('dwell_partition_in_flight', 'Records acquired and not finished, retries too.', labels, () =>
    each(({ inFlight }) => inFlight),
  )
  series.gauges('dwell_partition_dead_letters', 'Dead letters that were not removed.', labels, () =>
    each(({ dead }) => dead),
  )
  series.gauges(
    'dwell_partition_retries_waiting',
    'Failed records that wait for their next try.',
    [...labels, 'tier'],
    () =>
      partitions.flatMap(({ partition, waiting }) =>
        waiting.map(({ tier, count }) => [[topic, group, String(partition), tier], count] as const),
      ),
  )
  series.gauges('dwell_group_acquires_waiting', 'Calls of acquire that wait.', ['topic', 'group'], () => [
    [[topic, group], waitingAcquires],
  ])
  series.gauges('dwell_group_paused', 'Whether nothing is handed out: 1, or 0.', ['topic', 'group'], () => [
    [[topic, group], settings.paused === undefined ? 0 : 1],
  ])
  return series.registry.metrics()
}
