// Publishing, and the delayed messages that it leaves to the wheel.

import type { PublishedByTopic } from './published-by-topic.ts'
import { byLabel, type Series } from './series.ts'
import type { MetricSources } from './sources.ts'

export function publishingSeries(series: Series, sources: MetricSources, byTopic: PublishedByTopic): void {
  const { published, wheel, clock } = sources
  series.counters(
    'dwell_published_total',
    'Messages published, at once (now) or with a delay (delayed).',
    ['kind'],
    () => byLabel({ now: published().now, delayed: published().delayed }),
  )
  series.counters(
    'dwell_published_by_topic_total',
    'Messages published, by topic and acks; _other is all topics but the METRICS_TOPICS_MAX busiest.',
    ['topic', 'acks'],
    () => [...byTopic.series()].map(({ topic, acks, count }) => [[topic, acks], count] as const),
  )
  series.counter('dwell_publish_duplicates_total', 'Messages whose id was known already.', () => published().duplicates)
  series.counter('dwell_publish_overloaded_total', 'Publishes refused because too much was waiting.', () => {
    return published().overloaded
  })
  series.gauge(
    'dwell_publish_waiting_bytes',
    'Published bytes that are not durable yet.',
    () => published().waitingBytes,
  )
  series.gauge('dwell_delayed_pending', 'Delayed messages that wait.', () => wheel().pending)
  series.gauges(
    'dwell_delayed_pending_by_topic',
    'Delayed messages that wait, of the METRICS_TOPICS_MAX topics with most; _other is all the rest.',
    ['topic'],
    () => [...sources.pendingByTopic()].map(([topic, pending]) => [[topic], pending] as const),
  )
  series.gauge(
    'dwell_delayed_overdue',
    'Delayed messages that were due in a second that is over: 0 unless dispatch cannot keep up, or just after downtime.',
    () => sources.overdue(),
  )
  series.gauge('dwell_delayed_overdue_seconds', 'How long the next message to be dispatched has been due.', () => {
    return wheel().overdueMs / 1000
  })
  series.gauge('dwell_delayed_overflow_rows', 'Delayed messages beyond the reach of the wheel (WHEEL_SLOTS).', () => {
    return wheel().overflowRows
  })
  series.counter('dwell_dispatched_total', 'Delayed messages that were published at their time.', () => {
    return wheel().dispatched
  })
  series.counter('dwell_cancelled_total', 'Delayed messages that were cancelled.', () => wheel().cancelled)
  series.counter('dwell_rescheduled_total', 'Delayed messages that were rescheduled, dispatch-now too.', () => {
    return wheel().rescheduled
  })
  series.counter('dwell_discarded_total', 'Delayed messages whose topic was deleted at their time.', () => {
    return wheel().discarded
  })
  series.counter(
    'dwell_wheel_moved_total',
    'Delayed messages that came within reach: copied from overflow to slots.',
    () => {
      return wheel().moved
    },
  )
  series.counter('dwell_wheel_slot_flushes_total', 'Slots written to their files.', () => wheel().slotFlushes)
  series.counter('dwell_wheel_slots_derived_total', 'Slots whose file could not be read, made anew.', () => {
    return wheel().slotsDerived
  })
  series.gauge('dwell_wheel_memory_bytes', 'Entries of the wheel in memory.', () => wheel().memoryBytes)
  series.gauge('dwell_wheel_tick_age_seconds', 'Time since the wheel last ran.', () => wheel().lastTickAgeMs / 1000)
  series.gauge('dwell_wheel_hand_timestamp_seconds', "Where the hand's clock stands, epoch seconds.", () => {
    return wheel().handMs / 1000
  })
  series.gauge('dwell_clock_followed', 'Whether the hand is where the wall clock is: 1, or 0.', () =>
    clock().state === 'followed' ? 1 : 0,
  )
  series.gauge('dwell_clock_ahead_seconds', 'How far the wall clock is ahead of the hand; negative: behind.', () => {
    return clock().aheadMs / 1000
  })
  series.counters('dwell_clock_steps_total', 'Steps of the wall clock.', ['direction'], () => byLabel(clock().steps))
}
