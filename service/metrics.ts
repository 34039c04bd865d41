// What Prometheus sees. The parts count by themselves in plain numbers; they are read when somebody looks, so counting
// costs the hot path nothing. The number of series does not depend on topics or groups.

import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** Where the numbers come from; each is asked once a look. */
export interface MetricSources {
  published(): { now: number; delayed: number; duplicates: number; overloaded: number; waitingBytes: number }
  wheel(): {
    pending: number
    overdueMs: number
    dispatched: number
    discarded: number
    cancelled: number
    overflowRows: number
    openHandles: number
    slotFlushes: number
    memoryBytes: number
    lastTickAgeMs: number
    handMs: number
  }
  groups(): {
    groups: number
    waitingAcquires: number
    acquired: number
    acknowledged: Readonly<Record<string, number>>
    invalidReceipts: number
    lockExpiries: number
    deadLettered: Readonly<Record<string, number>>
    skipped: number
  }
  topics(): number
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
}

const LATENESS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300]

export class Metrics {
  readonly #registry = new Registry()
  readonly #lateness: Histogram
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
    total(
      'dwell_discarded_total',
      'Delayed messages whose topic was gone at their time.',
      () => sources.wheel().discarded,
    )
    total('dwell_wheel_slot_flushes_total', 'Slots written to their files.', () => sources.wheel().slotFlushes)
    number('dwell_wheel_open_handles', 'Slot files held open ahead of the hand.', () => sources.wheel().openHandles)
    number('dwell_wheel_memory_bytes', 'Entries of the wheel in memory.', () => sources.wheel().memoryBytes)
    number('dwell_wheel_tick_age_seconds', 'Time since the wheel last ran.', () => sources.wheel().lastTickAgeMs / 1000)
    number('dwell_wheel_hand_seconds', 'Where the hand stands, epoch seconds.', () => sources.wheel().handMs / 1000)
    number('dwell_groups', 'Groups.', () => sources.groups().groups)
    number('dwell_acquires_waiting', 'Calls of acquire that wait for records.', () => sources.groups().waitingAcquires)
    total('dwell_acquired_total', 'Records handed out.', () => sources.groups().acquired)
    totals('dwell_acknowledged_total', 'Records acknowledged.', 'type', () => sources.groups().acknowledged)
    total(
      'dwell_invalid_receipts_total',
      'Receipts that were not valid any more.',
      () => sources.groups().invalidReceipts,
    )
    total('dwell_lock_expiries_total', 'Locks that ran out.', () => sources.groups().lockExpiries)
    totals(
      'dwell_dead_letters_total',
      'Records that became dead letters.',
      'cause',
      () => sources.groups().deadLettered,
    )
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
    number('dwell_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss())
    this.#lateness = new Histogram({
      name: 'dwell_dispatch_lateness_seconds',
      help: 'How late delayed messages were published.',
      buckets: LATENESS_SECONDS,
      registers,
    })
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
    const seconds = Math.max(0, latenessMs) / 1000
    for (let i = 0; i < count; i++) this.#lateness.observe(seconds)
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
