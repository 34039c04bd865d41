// What Prometheus sees. The parts count by themselves in plain numbers; they are read when somebody looks, so counting
// costs the hot path nothing. The number of series is bounded, whatever the number of topics and groups.

import { Counter, Gauge, type Metric, Registry } from 'prom-client'
import { CountedHistogram } from './counted-histogram.ts'

/** Where the numbers come from; each is asked once a look. */
export interface MetricSources {
  published(): { now: number; delayed: number; duplicates: number; overloaded: number; waitingBytes: number }
  wheel(): {
    pending: number
    overdueMs: number
    dispatched: number
    discarded: number
    cancelled: number
    rescheduled: number
    moved: number
    overflowRows: number
    openHandles: number
    slotFlushes: number
    slotsDerived: number
    memoryBytes: number
    lastTickAgeMs: number
    handMs: number
  }
  /** Delayed messages that were due in a second that is over. */
  overdue(): number
  pendingByTopic(): ReadonlyMap<string, number>
  groups(): {
    groups: number
    paused: number
    waitingAcquires: number
    acquired: number
    acknowledged: Readonly<Record<string, number>>
    invalidReceipts: number
    lockExpiries: number
    deadLettered: Readonly<Record<string, number>>
    skipped: number
    redriven: number
    purged: number
    redrivesRunning: number
    floods: number
    snapshotsTooLarge: number
  }
  retriesWaiting(): number
  push(): {
    endpoints: number
    paused: number
    underWay: number
    bytes: number
    connections: number
    dialled: number
    pushes: Readonly<Record<string, number>>
    pauses: Readonly<Record<string, number>>
  }
  topics(): number
  clock(): { state: string; aheadMs: number; steps: { back: number; forward: number } }
  checkpoints(): { count: number; lastAgeMs: number }
  compaction(): { passes: number; bytesBefore: number; bytesAfter: number; failures: number }
  space(): {
    freeBytes: number
    freeFiles: number
    low: boolean
    reserveBytes: number
    refused: number
    givenUp: number
  }
  access(): { failedAttempts: number; reloadFailures: number }
  /** How long the start took, from opening the directory until it listened, and when that was. */
  start(): { tookMs: number; atMs: number }
}

const PUSH_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 300]
const LATENESS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300]

export class Metrics {
  readonly #registry = new Registry()
  readonly #lateness = new CountedHistogram(
    'dwell_dispatch_lateness_seconds',
    'How late delayed messages were published.',
    LATENESS_SECONDS,
  )
  readonly #pushes = new CountedHistogram(
    'dwell_push_seconds',
    'How long pushes took, from the connection to the end of the answer.',
    PUSH_SECONDS,
  )
  readonly #problems: Counter
  readonly #droppedConnections: Counter
  readonly contentType = this.#registry.contentType

  constructor(sources: MetricSources) {
    const registers = [this.#registry]
    const number = (name: string, help: string, read: () => number) => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read())
        },
      })
    }
    const total = (name: string, help: string, read: () => number) => {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset()
          this.inc(read())
        },
      })
    }
    const numbers = (name: string, help: string, label: string, read: () => ReadonlyMap<string, number>) => {
      new Gauge({
        name,
        help,
        registers,
        labelNames: [label],
        collect() {
          this.reset()
          for (const [value, count] of read()) this.set({ [label]: value }, count)
        },
      })
    }
    const totals = (name: string, help: string, label: string, read: () => Readonly<Record<string, number>>) => {
      new Counter({
        name,
        help,
        registers,
        labelNames: [label],
        collect() {
          this.reset()
          for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count)
        },
      })
    }
    totals('dwell_published_total', 'Messages published, at once or with a delay.', 'kind', () => {
      const { now, delayed } = sources.published()
      return { now, delayed }
    })
    total(
      'dwell_publish_duplicates_total',
      'Messages whose id was known already.',
      () => sources.published().duplicates,
    )
    total(
      'dwell_publish_overloaded_total',
      'Publishes refused because too much was waiting.',
      () => sources.published().overloaded,
    )
    number(
      'dwell_publish_waiting_bytes',
      'Published bytes that are not durable yet.',
      () => sources.published().waitingBytes,
    )
    number('dwell_delayed_pending', 'Delayed messages that wait.', () => sources.wheel().pending)
    numbers('dwell_delayed_pending_by_topic', 'Delayed messages that wait, of the busiest topics.', 'topic', () => {
      return sources.pendingByTopic()
    })
    number('dwell_delayed_overdue', 'Delayed messages that were due in a second that is over.', () => sources.overdue())
    number(
      'dwell_delayed_overflow_rows',
      'Delayed messages beyond the reach of the wheel.',
      () => sources.wheel().overflowRows,
    )
    number(
      'dwell_delayed_overdue_seconds',
      'How long the next message has been due.',
      () => sources.wheel().overdueMs / 1000,
    )
    total(
      'dwell_dispatched_total',
      'Delayed messages that were published at their time.',
      () => sources.wheel().dispatched,
    )
    total('dwell_cancelled_total', 'Delayed messages that were cancelled.', () => sources.wheel().cancelled)
    total('dwell_rescheduled_total', 'Delayed messages that were rescheduled.', () => sources.wheel().rescheduled)
    total(
      'dwell_discarded_total',
      'Delayed messages whose topic was gone at their time.',
      () => sources.wheel().discarded,
    )
    total('dwell_wheel_slot_flushes_total', 'Slots written to their files.', () => sources.wheel().slotFlushes)
    total('dwell_wheel_slots_derived_total', 'Slots that were made anew.', () => sources.wheel().slotsDerived)
    total('dwell_wheel_moved_total', 'Delayed messages that came within reach.', () => sources.wheel().moved)
    number('dwell_wheel_open_handles', 'Slot files held open ahead of the hand.', () => sources.wheel().openHandles)
    number('dwell_wheel_memory_bytes', 'Entries of the wheel in memory.', () => sources.wheel().memoryBytes)
    number('dwell_wheel_tick_age_seconds', 'Time since the wheel last ran.', () => sources.wheel().lastTickAgeMs / 1000)
    number('dwell_wheel_hand_seconds', 'Where the hand stands, epoch seconds.', () => sources.wheel().handMs / 1000)
    number('dwell_clock_followed', 'Whether the hand is where the wall clock is.', () =>
      sources.clock().state === 'followed' ? 1 : 0,
    )
    number('dwell_clock_ahead_seconds', 'How far the wall clock is ahead of the hand.', () => {
      return sources.clock().aheadMs / 1000
    })
    totals('dwell_clock_steps_total', 'Steps of the wall clock.', 'direction', () => sources.clock().steps)
    number('dwell_groups', 'Groups.', () => sources.groups().groups)
    number('dwell_groups_paused', 'Groups that hand nothing out.', () => sources.groups().paused)
    number('dwell_push_endpoints', 'Groups that push to an endpoint.', () => sources.push().endpoints)
    number('dwell_push_endpoints_paused', 'Endpoints that are only probed.', () => sources.push().paused)
    number('dwell_pushes_in_flight', 'Pushes under way.', () => sources.push().underWay)
    number('dwell_push_bytes', 'Records in the hand of pushing groups.', () => sources.push().bytes)
    number('dwell_push_connections', 'Connections to endpoints, in use or idle.', () => sources.push().connections)
    total('dwell_push_connections_total', 'Connections made to endpoints.', () => sources.push().dialled)
    totals('dwell_push_pauses_total', 'Pauses of endpoints.', 'cause', () => sources.push().pauses)
    totals('dwell_pushes_total', 'Pushes that ended.', 'outcome', () => sources.push().pushes)
    number('dwell_acquires_waiting', 'Calls of acquire that wait for records.', () => sources.groups().waitingAcquires)
    total('dwell_acquired_total', 'Records handed out.', () => sources.groups().acquired)
    totals('dwell_acknowledged_total', 'Records acknowledged.', 'type', () => sources.groups().acknowledged)
    total(
      'dwell_invalid_receipts_total',
      'Receipts that were not valid any more.',
      () => sources.groups().invalidReceipts,
    )
    number('dwell_retries_waiting', 'Failed records that wait for their next try.', () => sources.retriesWaiting())
    total('dwell_lock_expiries_total', 'Locks that ran out.', () => sources.groups().lockExpiries)
    totals(
      'dwell_dead_letters_total',
      'Records that became dead letters.',
      'cause',
      () => sources.groups().deadLettered,
    )
    total('dwell_dead_letters_redriven_total', 'Dead letters given back.', () => sources.groups().redriven)
    total('dwell_dead_letters_purged_total', 'Dead letters removed for ever.', () => sources.groups().purged)
    number('dwell_redrives_running', 'Redrives that run.', () => sources.groups().redrivesRunning)
    total('dwell_dead_letter_floods_total', 'Pauses because too many died.', () => sources.groups().floods)
    const tooLarge = () => sources.groups().snapshotsTooLarge
    total('dwell_group_snapshots_too_large_total', 'Group snapshots that no append could carry.', tooLarge)
    total('dwell_records_skipped_total', 'Records that could not be delivered.', () => sources.groups().skipped)
    number('dwell_topics', 'Topics, without the internal ones.', () => sources.topics())
    total('dwell_checkpoints_total', 'Checkpoints since the start.', () => sources.checkpoints().count)
    number(
      'dwell_checkpoint_age_seconds',
      'Time since the last checkpoint.',
      () => sources.checkpoints().lastAgeMs / 1000,
    )
    total('dwell_compactions_total', 'Passes of compaction over a partition.', () => sources.compaction().passes)
    total('dwell_compaction_read_bytes_total', 'Bytes of segments replaced.', () => sources.compaction().bytesBefore)
    total('dwell_compaction_written_bytes_total', 'Bytes written for them.', () => sources.compaction().bytesAfter)
    total('dwell_compaction_failures_total', 'Partitions not compacted.', () => sources.compaction().failures)
    number('dwell_disk_free_bytes', 'Free bytes of the disk.', () => sources.space().freeBytes)
    number('dwell_disk_free_files', 'How many more files fit on the disk.', () => sources.space().freeFiles)
    number('dwell_disk_low', 'Whether publishing is refused for want of room.', () => (sources.space().low ? 1 : 0))
    number('dwell_disk_reserve_bytes', 'What the reserve holds back.', () => sources.space().reserveBytes)
    total('dwell_disk_reserve_given_up_total', 'How often the reserve was given up.', () => sources.space().givenUp)
    total('dwell_publish_disk_low_total', 'Publishes refused for want of room.', () => sources.space().refused)
    total('dwell_access_failed_attempts_total', 'Wrong tokens that were shown.', () => sources.access().failedAttempts)
    total(
      'dwell_access_reload_failures_total',
      'Changed files of tokens, keys or certificates that could not be used.',
      () => sources.access().reloadFailures,
    )
    number(
      'dwell_start_seconds',
      'How long the last start took, with its recovery.',
      () => sources.start().tookMs / 1000,
    )
    number('dwell_started_seconds', 'When that was, epoch seconds.', () => sources.start().atMs / 1000)
    number('dwell_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss())
    // They have what the registry asks of a metric, and no more.
    for (const metric of [this.#lateness, this.#pushes]) this.#registry.registerMetric(metric as unknown as Metric)
    this.#problems = new Counter({
      name: 'dwell_http_problems_total',
      help: 'Requests that were answered with an error.',
      labelNames: ['code'],
      registers,
    })
    this.#droppedConnections = new Counter({
      name: 'dwell_http_connections_dropped_total',
      help: 'Connections that were not taken because there were too many.',
      registers,
    })
  }

  /** `count` messages were dispatched so late. */
  observeLateness(latenessMs: number, count: number): void {
    this.#lateness.observe(Math.max(0, latenessMs) / 1000, count)
  }

  observePush(tookMs: number): void {
    this.#pushes.observe(tookMs / 1000, 1)
  }

  countProblem(code: string): void {
    this.#problems.inc({ code })
  }

  countDroppedConnection(): void {
    this.#droppedConnections.inc()
  }

  /** All series in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }
}
