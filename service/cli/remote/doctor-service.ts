// What the doctor finds at the service: whether it answers, is ready, believes its clock, keeps up, and how it last started.

import { SystemClock } from '../../../storage/index.ts'
import { CallError, type DwellClient } from '../../client/index.ts'
import { formatDuration } from '../../duration.ts'
import { formatTime } from '../../time.ts'
import type { Finding } from './doctor.ts'
import { metricOf } from './metrics.ts'

const LATE_SECONDS = 2
const TICK_SECONDS = 5
const GIB = 1024 ** 3

export interface Service {
  findings: Finding[]
  /** Empty when they may not be seen, or nobody answers. */
  metrics: string
}

export async function lookAtService(client: DwellClient, signal: AbortSignal): Promise<Service> {
  const clock = new SystemClock()
  const beganMs = clock.monotonicMs()
  const findings: Finding[] = []
  try {
    const { ready, publishing, clock: hand, why = '' } = await client.ready({ signal })
    const answeredMs = clock.monotonicMs() - beganMs
    const sentence = ready ? `answers after ${answeredMs.toFixed(0)} ms and is ready` : `is not ready: ${why}`
    findings.push({ what: 'service', state: ready ? 'good' : 'bad', sentence })
    if (publishing === false) findings.push({ what: 'publishing', state: 'bad', sentence: `is refused: ${why}` })
    const isFollowed = hand === 'followed'
    if (hand !== undefined)
      findings.push({
        what: 'clock',
        state: isFollowed ? 'good' : 'bad',
        sentence: isFollowed ? 'is followed' : `is ${hand}: ${why}`,
      })
  } catch (error) {
    if (!(error instanceof CallError)) throw error
    return { findings: [{ what: 'service', state: 'bad', sentence: error.message }], metrics: '' }
  }
  try {
    const metrics = await client.metrics({ signal })
    findings.push(...findingsIn(metrics))
    return { findings, metrics }
  } catch (error) {
    if (!(error instanceof CallError)) throw error
    findings.push({ what: 'metrics', state: 'unknown', sentence: error.message })
    return { findings, metrics: '' }
  }
}

function findingsIn(metrics: string): Finding[] {
  const value = (name: string) => metricOf(metrics, name) ?? 0
  const duration = (seconds: number) => formatDuration(Math.round(seconds * 1000))
  const [overdue, lateSeconds] = [value('dwell_delayed_overdue'), value('dwell_delayed_overdue_seconds')]
  const tickSeconds = value('dwell_wheel_tick_age_seconds')
  const paused = value('dwell_groups_paused') + value('dwell_push_endpoints_paused')
  const damaged = value('dwell_wheel_slots_derived_total')
  const isLow = value('dwell_disk_low') === 1
  const findings: Finding[] = [
    {
      what: 'last start',
      state: 'good',
      sentence: `took ${duration(value('dwell_start_seconds'))} with its recovery, and was ready at ${formatTime(Math.round(value('dwell_started_timestamp_seconds') * 1000))}`,
    },
    {
      what: 'checkpoint',
      state: 'good',
      sentence: `the last one is ${duration(value('dwell_checkpoint_age_seconds'))} old: what came after is played again by a start`,
    },
    {
      what: 'disk of the service',
      state: isLow ? 'bad' : 'good',
      sentence: `${(value('dwell_disk_free_bytes') / GIB).toFixed(1)} GiB free${isLow ? ': too little, publishing is refused' : ''}`,
    },
    {
      what: 'delayed messages',
      state: lateSeconds >= LATE_SECONDS ? 'odd' : 'good',
      sentence: `${value('dwell_delayed_pending')} wait, ${overdue} are overdue, the next one for ${duration(lateSeconds)}`,
    },
    {
      what: 'timing wheel',
      state: tickSeconds >= TICK_SECONDS ? 'bad' : 'good',
      sentence: `ran ${duration(tickSeconds)} ago`,
    },
    {
      what: 'groups',
      state: paused > 0 ? 'odd' : 'good',
      sentence: `${value('dwell_groups')}, of which ${value('dwell_groups_paused')} are paused; endpoints paused: ${value('dwell_push_endpoints_paused')}`,
    },
  ]
  if (damaged > 0)
    findings.push({
      what: 'slots',
      state: 'odd',
      sentence: `${damaged} could not be read since the start, and were made anew`,
    })
  return findings
}
