// The service as one, and the log below: start, access, journal, checkpoints, compaction, disk, open files, damage.

import { byLabel, type Series } from './series.ts'
import type { MetricSources } from './sources.ts'

export function storageSeries(series: Series, sources: MetricSources): void {
  const { engine, space, compaction, checkpoints } = sources
  series.gauge('dwell_ready', 'Whether /readyz says so: 1, or 0.', () => (sources.ready() ? 1 : 0))
  series.gauge('dwell_start_seconds', 'How long the last start took, with its recovery.', () => {
    return sources.start().tookMs / 1000
  })
  series.gauge('dwell_started_timestamp_seconds', 'When it was over, epoch seconds.', () => {
    return sources.start().atMs / 1000
  })
  series.counter('dwell_access_failed_attempts_total', 'Wrong tokens that were shown.', () => {
    return sources.access().failedAttempts
  })
  series.counter(
    'dwell_access_reload_failures_total',
    'Changed files of tokens, keys or certificates that could not be used.',
    () => sources.access().reloadFailures,
  )
  series.gauge('dwell_topics', 'Topics, without the internal ones.', () => sources.topics())
  series.counter('dwell_journal_bytes_total', 'Bytes written to the journal.', () => engine().journalBytes)
  series.gauge('dwell_journal_replay_bytes', 'Journal that a start now would read: since the last checkpoint.', () => {
    return engine().replayBytes
  })
  series.gauge('dwell_tail_bytes', 'Records in memory that are in the journal and not yet in segments.', () => {
    return engine().tailBytes
  })
  series.counter('dwell_checkpoints_total', 'Checkpoints since the start.', () => checkpoints().count)
  series.gauge('dwell_checkpoint_age_seconds', 'Time since the last checkpoint.', () => checkpoints().lastAgeMs / 1000)
  series.counter('dwell_compactions_total', 'Passes of compaction over a partition.', () => compaction().passes)
  series.counter('dwell_compaction_read_bytes_total', 'Bytes of segments replaced.', () => compaction().bytesBefore)
  series.counter('dwell_compaction_written_bytes_total', 'Bytes written for them.', () => compaction().bytesAfter)
  series.counter('dwell_compaction_failures_total', 'Partitions not compacted.', () => compaction().failures)
  series.gauge('dwell_disk_free_bytes', 'Free bytes of the disk.', () => space().freeBytes)
  series.gauge('dwell_disk_free_files', 'How many more files fit on the disk.', () => space().freeFiles)
  series.gauge('dwell_disk_low', 'Whether publishing is refused for want of room: 1, or 0.', () =>
    space().low ? 1 : 0,
  )
  series.gauge('dwell_disk_reserve_bytes', 'What the reserve holds back.', () => space().reserveBytes)
  series.counter('dwell_disk_reserve_given_up_total', 'How often the reserve was given up.', () => space().givenUp)
  series.counter('dwell_publish_disk_low_total', 'Publishes refused for want of room.', () => space().refused)
  series.gauges(
    'dwell_open_files',
    'Open files by kind: segment, slot (held open ahead of the hand), connection (of clients), push (to endpoints).',
    ['kind'],
    () => [
      [['segment'], engine().openFiles],
      [['slot'], sources.wheel().openHandles],
      [['connection'], sources.connections()],
      [['push'], sources.push().connections],
    ],
  )
  series.counters(
    'dwell_damage_found_total',
    'Damage found in files, each time it is met, by its code; the log has a line with the place for each.',
    ['code'],
    () => byLabel(sources.damage()),
  )
}
