// What the doctor finds at the service: whether it answers, is ready, believes its clock, keeps up, and how it last started.

import { SystemClock } from '../../../storage/index.ts'
import { CallError, type DwellClient } from '../../client/index.ts'
import { formatDuration } from '../../duration.ts'
import { formatTime } from '../../time.ts'
import { count } from '../words.ts'
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

/** Never rejects because of the service: that nobody answers is a finding. */
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

/** One thing that the counters tell. */
interface Row {
  what: string
  /** The metrics that it is made of. */
  of: readonly string[]
  /** `values` are those of `of`. */
  judge(values: readonly number[]): { state: Finding['state']; sentence: string }
}

const ROWS: readonly Row[] = [
  {
    what: 'last start',
    of: ['dwell_start_seconds', 'dwell_started_timestamp_seconds'],
    judge: ([tookSeconds, atSeconds]) => {
      const at = formatTime(Math.round(atSeconds * 1000))
      return { state: 'good', sentence: `took ${duration(tookSeconds)} with its recovery, and was ready at ${at}` }
    },
  },
  {
    what: 'checkpoint',
    of: ['dwell_checkpoint_age_seconds'],
    judge: ([ageSeconds]) => {
      const age = duration(ageSeconds)
      return { state: 'good', sentence: `the last one is ${age} old: what came after is played again by a start` }
    },
  },
  {
    what: 'disk of the service',
    of: ['dwell_disk_free_bytes', 'dwell_disk_low'],
    judge: ([freeBytes, low]) => {
      const free = `${(freeBytes / GIB).toFixed(1)} GiB free`
      if (low === 0) return { state: 'good', sentence: free }
      return { state: 'bad', sentence: `${free}: too little, publishing is refused` }
    },
  },
  {
    what: 'damage',
    of: ['dwell_damage_found_total'],
    judge: ([found]) => {
      if (found === 0) return { state: 'good', sentence: 'none was met since the start' }
      return { state: 'bad', sentence: `was met ${count(found, 'time')} since the start: the log says where` }
    },
  },
  {
    what: 'delayed messages',
    of: ['dwell_delayed_pending', 'dwell_delayed_overdue', 'dwell_delayed_overdue_seconds'],
    judge: ([pending, overdue, lateSeconds]) => {
      const late =
        overdue === 0 ? 'none is overdue' : `${overdue} are overdue, the next one for ${duration(lateSeconds)}`
      return { state: lateSeconds >= LATE_SECONDS ? 'odd' : 'good', sentence: `${pending} wait, ${late}` }
    },
  },
  {
    what: 'timing wheel',
    of: ['dwell_wheel_tick_age_seconds'],
    judge: ([ageSeconds]) => {
      return { state: ageSeconds >= TICK_SECONDS ? 'bad' : 'good', sentence: `ran ${duration(ageSeconds)} ago` }
    },
  },
  {
    what: 'slots',
    of: ['dwell_wheel_slots_derived_total'],
    judge: ([made]) => {
      if (made === 0) return { state: 'good', sentence: 'all could be read since the start' }
      return { state: 'odd', sentence: `${made} could not be read since the start, and were made anew` }
    },
  },
  {
    what: 'groups',
    of: ['dwell_groups', 'dwell_groups_paused', 'dwell_push_endpoints_paused'],
    judge: ([groups, paused, endpoints]) => {
      const stand = `${groups}, of which ${paused} are paused, and ${count(endpoints, 'endpoint')}`
      if (paused + endpoints === 0) return { state: 'good', sentence: stand }
      return { state: 'odd', sentence: `${stand}: \`dwell groups list <topic>\` shows which` }
    },
  },
]

/** What the metrics tell; what an older or newer service does not tell is left out. */
function findingsIn(metrics: string): Finding[] {
  return ROWS.flatMap(({ what, of, judge }) => {
    const values = of.map((name) => metricOf(metrics, name)).filter((value) => value !== undefined)
    return values.length === of.length ? [{ what, ...judge(values) }] : []
  })
}

function duration(seconds: number): string {
  return formatDuration(Math.round(seconds * 1000))
}
