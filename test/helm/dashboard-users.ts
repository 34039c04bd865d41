// For those who publish and consume: is my traffic healthy?

import type { Dashboard } from './dashboards.ts'
import { increase, quantile, rate, sum } from './queries.ts'

const PUBLISHING = { where: 'route="/v1/topics/:topic/messages"' }
/** One a minute is too few for a look at the last one or two. */
const CANARIES = { over: '10m' }

export const users: Dashboard = {
  uid: 'dwell-users',
  title: 'Dwell: users',
  sentence: 'Is my traffic healthy: publishing, lateness, lag, retries, dead letters.',
  rows: {
    'At a glance': [
      {
        title: 'Ready',
        sentence: 'Whether Dwell takes requests: the least of all instances.',
        unit: 'bool_yes_no',
        queries: { ready: 'min(dwell_ready{job=~"$job",instance=~"$instance"})' },
        kind: 'stat',
        alarming: 1,
        small: true,
      },
      {
        title: 'Late, 99 of 100',
        sentence: 'Of 100 delayed messages 99 were dispatched within this time after they were due.',
        unit: 's',
        queries: { lateness: quantile(0.99, 'dwell_dispatch_lateness_seconds') },
        kind: 'stat',
        alarming: 1,
      },
      {
        title: 'Delayed messages',
        sentence: 'Messages that wait for their time.',
        unit: 'short',
        queries: { waiting: sum('dwell_delayed_pending') },
        kind: 'stat',
      },
      {
        title: 'Overdue',
        sentence: 'Messages that were due in a second that is over and are not yet dispatched.',
        unit: 'short',
        queries: { overdue: sum('dwell_delayed_overdue') },
        kind: 'stat',
        alarming: 1,
      },
      {
        title: 'Lag',
        sentence: 'Records that groups have not finished, all together.',
        unit: 'short',
        queries: { lag: sum('dwell_group_lag') },
        kind: 'stat',
      },
      {
        title: 'Died in the last hour',
        sentence: 'Records that became dead letters.',
        unit: 'short',
        queries: { dead: increase('dwell_dead_letters_total', '1h') },
        decimals: 0,
        kind: 'stat',
        alarming: 1,
      },
    ],
    Publishing: [
      {
        title: 'Published',
        sentence: 'Messages a second, to be delivered at once or with a delay.',
        unit: 'cps',
        queries: { '{{kind}}': rate('dwell_published_total', 'kind') },
      },
      {
        title: 'Published by topic',
        sentence: 'The busiest topics; _other is all the rest.',
        unit: 'cps',
        queries: { '{{topic}}': rate('dwell_published_by_topic_total', 'topic') },
      },
      {
        title: 'How long publishing takes',
        sentence: 'From the request to its answer: half of them, and 99 of 100, are faster.',
        unit: 's',
        queries: {
          half: quantile(0.5, 'dwell_http_request_seconds', PUBLISHING),
          '99 of 100': quantile(0.99, 'dwell_http_request_seconds', PUBLISHING),
        },
      },
      {
        title: 'Requests refused',
        sentence: 'By code; /docs/errors/{code} says what it means and what to do.',
        unit: 'reqps',
        queries: { '{{code}}': rate('dwell_http_problems_total', 'code') },
      },
    ],
    'Delayed messages': [
      {
        title: 'Lateness',
        sentence: 'How long after its due time a message was in its topic; the objective is 1 s.',
        unit: 's',
        queries: {
          half: quantile(0.5, 'dwell_dispatch_lateness_seconds'),
          '99 of 100': quantile(0.99, 'dwell_dispatch_lateness_seconds'),
        },
        alarming: 1,
      },
      {
        title: 'Canary',
        sentence: 'How long after its time a message of Dwell itself was handed out, of those within ten minutes.',
        unit: 's',
        queries: {
          half: quantile(0.5, 'dwell_canary_lateness_seconds', CANARIES),
          '99 of 100': quantile(0.99, 'dwell_canary_lateness_seconds', CANARIES),
        },
        alarming: 1,
      },
      {
        title: 'Canaries lost',
        sentence: 'Those that did not come within 30 s of their time, in the last hour: 0.',
        unit: 'short',
        queries: { lost: increase('dwell_canary_lost_total', '1h') },
        decimals: 0,
      },
      {
        title: 'What became of them',
        sentence:
          'Messages a second that were dispatched, cancelled, rescheduled, or discarded because their topic was gone.',
        unit: 'cps',
        queries: {
          dispatched: rate('dwell_dispatched_total'),
          cancelled: rate('dwell_cancelled_total'),
          rescheduled: rate('dwell_rescheduled_total'),
          discarded: rate('dwell_discarded_total'),
        },
      },
      {
        title: 'Waiting by topic',
        sentence: 'The topics with most messages that wait; _other is all the rest.',
        unit: 'short',
        queries: { '{{topic}}': sum('dwell_delayed_pending_by_topic', 'topic') },
      },
    ],
    Consuming: [
      {
        title: 'Lag by group',
        sentence: 'Records that a group has not finished: the groups with most.',
        unit: 'short',
        queries: { '{{topic}} / {{group}}': sum('dwell_group_lag', 'topic, group') },
      },
      {
        title: 'Handed out and acknowledged',
        sentence: 'Records a second. What is released or whose lock runs out is handed out again.',
        unit: 'cps',
        queries: {
          acquired: rate('dwell_acquired_total'),
          '{{type}}': rate('dwell_acknowledged_total', 'type'),
          'lock ran out': rate('dwell_lock_expiries_total'),
        },
      },
      {
        title: 'Retries that wait',
        sentence: 'Failed records that wait for their next try, by tier.',
        unit: 'short',
        queries: { '{{tier}}': sum('dwell_retries_waiting', 'tier') },
      },
      {
        title: 'Dead letters',
        sentence: 'Records a second that died, by cause; and those that were given back or removed.',
        unit: 'cps',
        queries: {
          '{{cause}}': rate('dwell_dead_letters_total', 'cause'),
          redriven: rate('dwell_dead_letters_redriven_total'),
          purged: rate('dwell_dead_letters_purged_total'),
        },
      },
      {
        title: 'Pushes',
        sentence: 'Pushes a second by how they ended.',
        unit: 'cps',
        queries: { '{{outcome}}': rate('dwell_pushes_total', 'outcome') },
      },
      {
        title: 'How long pushes take',
        sentence: 'From the connection to the end of the answer.',
        unit: 's',
        queries: { half: quantile(0.5, 'dwell_push_seconds'), '99 of 100': quantile(0.99, 'dwell_push_seconds') },
      },
    ],
  },
}
