// Which examples run together, and in which order: each finds what it needs.

import type { Step } from './examples-rig.ts'

export const GROUP_STEPS: readonly Step[] = [
  'publish',
  'topics put',
  'topics list',
  'topics get',
  'topics read',
  'groups put',
  'consume',
  'groups list',
  'groups describe',
  'groups pause',
  'groups resume',
  'groups reset',
  'listen',
  'groups delete',
  'topics delete',
]

const DEATHS = `dwell publish orders bad bad && dwell groups put orders billing --retry none &&
  dwell consume orders billing --until-empty --wait 1s --exec 'echo bank offline >&2; exit 1'`
const REMINDERS = `dwell publish reminders 'call Ada' --delay 1h --id ada && dwell publish reminders 'call Ben' --delay 2h --id ben &&
  dwell publish reminders 'call Cem' --delay 3d --id cem`

export const DEAD_STEPS: readonly Step[] = [
  ['dead-letters list', DEATHS],
  'dead-letters reasons',
  'dead-letters redrive',
  'dead-letters redrives',
  'dead-letters stop',
  'dead-letters purge',
  'check ready',
  'check lag',
  'check dead-letters',
  'check lateness',
  ['delayed get', REMINDERS],
  'delayed reschedule',
  'explain',
  'delayed dispatch',
  'delayed cancel',
  'delayed list',
]

export const MACHINE_STEPS: readonly Step[] = [
  'doctor',
  'bench',
  'context set',
  'context use',
  'context list',
  'context remove',
  'completion',
  'tokens create',
  'tokens list',
  'tokens remove',
  ['dump', 'for n in 1 2 3 4 5 6 7 8; do echo $n; done | dwell publish orders --lines'],
  'verify',
  'repair',
  'serve',
]

export function nameOf(step: Step): string {
  return typeof step === 'string' ? step : step[0]
}
