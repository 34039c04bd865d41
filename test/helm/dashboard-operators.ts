// For those who run it: journal, wheel, disk, event loop, memory.

import type { Dashboard } from './dashboards.ts'
import { mean, quantile, rate, sum, worst } from './queries.ts'

const stat = { kind: 'stat' } as const

export const operators: Dashboard = {
  uid: 'dwell-operators',
  title: 'Dwell: operators',
  sentence: 'Is the service healthy: journal, wheel, disk, event loop, memory.',
  rows: {
    'At a glance': [
      {
        ...stat,
        title: 'Running for',
        sentence: 'Since the last start; the youngest instance.',
        unit: 's',
        queries: { up: 'time() - max(process_start_time_seconds{job=~"$job",instance=~"$instance"})' },
      },
      {
        ...stat,
        title: 'Wheel last ran',
        sentence: 'It looks around four times a second.',
        unit: 's',
        queries: { age: 'max(dwell_wheel_tick_age_seconds{job=~"$job",instance=~"$instance"})' },
        alarming: 5,
      },
      {
        ...stat,
        title: 'Free disk',
        sentence: 'Below DISK_LOW_BYTES (1 GiB) publishing is refused.',
        unit: 'bytes',
        queries: { free: 'min(dwell_disk_free_bytes{job=~"$job",instance=~"$instance"})' },
        alarming: 2 ** 30,
        small: true,
      },
      {
        ...stat,
        title: 'Event loop, 99 of 100',
        sentence: 'How long what was due waited for its turn. Looked at each 10 ms, so 10 ms is none.',
        unit: 's',
        queries: { delay: 'max(nodejs_eventloop_lag_p99_seconds{job=~"$job",instance=~"$instance"})' },
        alarming: 0.1,
      },
      {
        ...stat,
        title: 'Journal, 99 of 100',
        sentence: 'How long the disk takes to write and sync.',
        unit: 's',
        queries: { sync: quantile(0.99, 'dwell_journal_write_seconds') },
        alarming: 0.1,
      },
      {
        ...stat,
        title: 'Damage found',
        sentence: 'Since the start: files that did not hold what was written to them; any is too much.',
        unit: 'short',
        queries: { damage: sum('dwell_damage_found_total') },
        alarming: 1,
      },
    ],
    Journal: [
      {
        title: 'Write and sync',
        sentence: 'Every publish and every acknowledgement waits for one of these.',
        unit: 's',
        queries: {
          half: quantile(0.5, 'dwell_journal_write_seconds'),
          '99 of 100': quantile(0.99, 'dwell_journal_write_seconds'),
        },
        alarming: 0.1,
      },
      {
        title: 'Group size',
        sentence: 'Appends that became durable with one write: the busier, the more.',
        unit: 'short',
        queries: {
          mean: mean('dwell_journal_group_appends'),
          '99 of 100': quantile(0.99, 'dwell_journal_group_appends'),
        },
      },
      {
        title: 'Bytes written',
        sentence: 'Journal, and what compaction writes.',
        unit: 'Bps',
        queries: {
          journal: rate('dwell_journal_bytes_total'),
          compaction: rate('dwell_compaction_written_bytes_total'),
        },
      },
      {
        title: 'Waiting to be durable',
        sentence: 'Published bytes in memory; at WAITING_BYTES_MAX publishing is refused.',
        unit: 'bytes',
        queries: { '{{instance}}': worst('dwell_publish_waiting_bytes') },
      },
      {
        title: 'A start would read',
        sentence: 'Journal since the last checkpoint.',
        unit: 'bytes',
        queries: { '{{instance}}': worst('dwell_journal_replay_bytes') },
      },
      {
        title: 'Since the last checkpoint',
        sentence: 'One is written each CHECKPOINT_INTERVAL, if there is anything new.',
        unit: 's',
        queries: { '{{instance}}': worst('dwell_checkpoint_age_seconds') },
      },
    ],
    Wheel: [
      {
        title: 'Dispatched',
        sentence: 'Delayed messages a second that were published at their time.',
        unit: 'cps',
        queries: { dispatched: rate('dwell_dispatched_total') },
      },
      {
        title: 'Overdue',
        sentence: 'Messages that were due in a second that is over.',
        unit: 'short',
        queries: { '{{instance}}': worst('dwell_delayed_overdue') },
      },
      {
        title: 'Where they wait',
        sentence: 'All delayed messages, and those of them beyond the reach of the wheel.',
        unit: 'short',
        queries: { all: sum('dwell_delayed_pending'), overflow: sum('dwell_delayed_overflow_rows') },
      },
      {
        title: 'Memory of the wheel',
        sentence: 'Entries kept in memory before slots are written, at most WHEEL_MEMORY_BYTES.',
        unit: 'bytes',
        queries: { '{{instance}}': worst('dwell_wheel_memory_bytes') },
      },
      {
        title: 'Slots',
        sentence: 'Slots written a second, made anew, and messages that came within reach.',
        unit: 'cps',
        queries: {
          written: rate('dwell_wheel_slot_flushes_total'),
          'made anew': rate('dwell_wheel_slots_derived_total'),
          'came within reach': rate('dwell_wheel_moved_total'),
        },
      },
      {
        title: 'Wall clock',
        sentence: 'How far it is ahead of the time that Dwell goes by: 0 as a rule.',
        unit: 's',
        queries: {
          '{{instance}}': 'max by (instance) (abs(dwell_clock_ahead_seconds{job=~"$job",instance=~"$instance"}))',
        },
      },
    ],
    'Process and disk': [
      {
        title: 'CPU',
        sentence: 'Seconds a second: at 1 the main thread is full, beyond it others work.',
        unit: 'short',
        queries: {
          user: rate('process_cpu_user_seconds_total'),
          system: rate('process_cpu_system_seconds_total'),
        },
      },
      {
        title: 'Event loop delay',
        sentence:
          'How long what was due waited for its turn, since the last scrape. Looked at each 10 ms, so 10 ms is none.',
        unit: 's',
        queries: {
          mean: worst('nodejs_eventloop_lag_mean_seconds'),
          '99 of 100': worst('nodejs_eventloop_lag_p99_seconds'),
          longest: worst('nodejs_eventloop_lag_max_seconds'),
        },
      },
      {
        title: 'Garbage collection',
        sentence: 'The share of all time that went into it, by kind.',
        unit: 'percentunit',
        queries: { '{{kind}}': rate('nodejs_gc_duration_seconds_sum', 'kind') },
      },
      {
        title: 'Memory',
        sentence: 'Of the process; of it the heap, and what lies outside of the heap.',
        unit: 'bytes',
        queries: {
          resident: sum('process_resident_memory_bytes'),
          heap: sum('nodejs_heap_size_used_bytes'),
          external: sum('nodejs_external_memory_bytes'),
        },
      },
      {
        title: 'Room on the volume',
        sentence: 'Free bytes; below DISK_LOW_BYTES (1 GiB) publishing is refused.',
        unit: 'bytes',
        queries: { '{{instance}}': worst('dwell_disk_free_bytes') },
      },
      {
        title: 'Open files',
        sentence: 'By kind; and all of the process, with those of the journal and of LevelDB.',
        unit: 'short',
        queries: { '{{kind}}': sum('dwell_open_files', 'kind'), all: sum('process_open_fds') },
      },
    ],
    Requests: [
      {
        title: 'By route',
        sentence: 'Requests a second.',
        unit: 'reqps',
        queries: { '{{method}} {{route}}': rate('dwell_http_requests_total', 'method, route') },
      },
      {
        title: 'By status',
        sentence: 'Requests a second; what begins with 5 is not the fault of clients.',
        unit: 'reqps',
        queries: { '{{status}}': rate('dwell_http_requests_total', 'status') },
      },
      {
        title: 'Waiting calls and connections',
        sentence: 'Calls of acquire that wait for records; connections that were refused, a second.',
        unit: 'short',
        queries: { waiting: sum('dwell_acquires_waiting'), refused: rate('dwell_http_connections_dropped_total') },
      },
    ],
  },
}
