// Groups: what they were handed, what became of it, what waits for them; and those that push.

import { OTHER } from './other.ts'
import { byLabel, type Series } from './series.ts'
import type { MetricSources } from './sources.ts'

export function deliverySeries(series: Series, sources: MetricSources): void {
  const { groups, groupsWaiting, push } = sources
  series.gauge('dwell_groups', 'Groups.', () => groups().groups)
  series.gauge('dwell_groups_paused', 'Groups that hand nothing out.', () => groups().paused)
  series.gauges(
    'dwell_group_lag',
    'Records of their topic that groups have not finished, of the METRICS_TOPICS_MAX groups with most; _other is all the rest.',
    ['topic', 'group'],
    () => {
      const { lags, otherLag } = groupsWaiting()
      const named = lags.filter(({ topic }) => topic !== OTHER)
      const rest = lags.reduce((sum, { topic, lag }) => (topic === OTHER ? sum + lag : sum), otherLag)
      return [...named.map(({ topic, group, lag }) => [[topic, group], lag] as const), [[OTHER, OTHER], rest]]
    },
  )
  series.gauge('dwell_acquires_waiting', 'Calls of acquire that wait for records.', () => groups().waitingAcquires)
  series.counter('dwell_acquired_total', 'Records handed out, each time counted.', () => groups().acquired)
  series.counters('dwell_acknowledged_total', 'Records acknowledged.', ['type'], () => byLabel(groups().acknowledged))
  series.counter(
    'dwell_invalid_receipts_total',
    'Receipts that were not valid any more.',
    () => groups().invalidReceipts,
  )
  series.counter('dwell_lock_expiries_total', 'Locks that ran out.', () => groups().lockExpiries)
  series.gauges(
    'dwell_retries_waiting',
    'Failed records that wait for their next try, by tier; _other is all tiers but the METRICS_TOPICS_MAX fullest.',
    ['tier'],
    () => {
      const { tiers, otherTiers } = groupsWaiting()
      return [...tiers.map(({ tier, waiting }) => [[tier], waiting] as const), [[OTHER], otherTiers]]
    },
  )
  series.counters('dwell_dead_letters_total', 'Records that became dead letters.', ['cause'], () =>
    byLabel(groups().deadLettered),
  )
  series.counter('dwell_dead_letters_redriven_total', 'Dead letters given back.', () => groups().redriven)
  series.counter('dwell_dead_letters_purged_total', 'Dead letters removed for ever.', () => groups().purged)
  series.gauge('dwell_redrives_running', 'Redrives that run.', () => groups().redrivesRunning)
  series.counter('dwell_dead_letter_floods_total', 'Groups paused because too many of their records died.', () => {
    return groups().floods
  })
  series.counter('dwell_group_snapshots_too_large_total', 'Group snapshots that no append could carry.', () => {
    return groups().snapshotsTooLarge
  })
  series.counter('dwell_records_skipped_total', 'Records that could not be delivered: damaged or deleted.', () => {
    return groups().skipped
  })
  series.gauge('dwell_push_endpoints', 'Groups that push to an endpoint.', () => push().endpoints)
  series.gauge('dwell_push_endpoints_paused', 'Endpoints that are only probed.', () => push().paused)
  series.gauge('dwell_pushes_in_flight', 'Pushes under way, at most PUSH_CONNECTIONS_MAX.', () => push().underWay)
  series.gauge('dwell_push_bytes', 'Records in the hand of pushing groups.', () => push().bytes)
  series.gauge('dwell_push_connections', 'Connections to endpoints, in use or idle.', () => push().connections)
  series.counter(
    'dwell_push_connections_total',
    'Connections made to endpoints; far fewer than pushes while they are used again.',
    () => push().dialled,
  )
  series.counters('dwell_push_pauses_total', 'Pauses of endpoints.', ['cause'], () => byLabel(push().pauses))
  series.counters('dwell_pushes_total', 'Pushes that ended.', ['outcome'], () => byLabel(push().pushes))
}
