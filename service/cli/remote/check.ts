// `dwell check`: one line and an exit code, as monitoring plugins give them (Nagios, Icinga, Sensu, Checkmk): 0 OK, 1 WARNING,
// 2 CRITICAL, 3 UNKNOWN. Behind the bar stand the figures, for graphs: https://www.monitoring-plugins.org/doc/guidelines.html.

import type { Command } from 'commander'
import { CallError, type DwellClient } from '../../client/index.ts'
import { formatDuration } from '../../duration.ts'
import { addExamples } from '../examples.ts'
import { EXIT, exitCodeOf } from '../exit-codes.ts'
import { answer, type Terminal } from '../terminal.ts'
import { msOf, wholeOf } from './forms.ts'
import { metricOf } from './metrics.ts'
import { addRemoteCommand, type Given, type Remote } from './remote.ts'

const STATUS = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const
type Status = keyof typeof STATUS

const CODES_HELP =
  'Exit codes: 0 OK; 1 WARNING; 2 CRITICAL; 3 UNKNOWN, or called wrongly. No answer of the service is UNKNOWN, but to `check ready` CRITICAL.'

interface Found {
  status: Status
  sentence: string
  /** Name, value with its unit, and the thresholds. */
  figures?: Record<string, { value: number; unit: string }>
}

interface Row {
  usage: string
  description: string
  /** What --warn and --crit are when nothing is said; absent where there are none. */
  thresholds?: { warn: string; crit: string; read: (text: string) => number }
  examples: string[]
  /** What it means when nobody answers; UNKNOWN when absent. */
  noAnswer?: Status
  look(client: DwellClient, args: string[], limits: { warn: number; crit: number }, signal: AbortSignal): Promise<Found>
}

const ROWS: readonly Row[] = [
  {
    usage: 'ready',
    description: 'Whether the service is ready, publishing is open, and the clock is believed.',
    examples: ['dwell check ready'],
    noAnswer: 'CRITICAL',
    look: async (client, _args, _limits, signal) => {
      const { ready, publishing, clock, why } = await client.ready({ signal })
      const said = why === undefined ? '' : `: ${why}`
      if (!ready) return { status: 'CRITICAL', sentence: `not ready${said}` }
      if (publishing === false) return { status: 'CRITICAL', sentence: `publishing is refused${said}` }
      if (clock !== 'followed') return { status: 'WARNING', sentence: `the clock is ${clock}${said}` }
      return { status: 'OK', sentence: 'ready' }
    },
  },
  {
    usage: 'lag <topic> <group>',
    description: 'How many records a group has not finished; a paused group, or endpoint, is a warning.',
    thresholds: { warn: '1000', crit: '10000', read: wholeOf },
    examples: ['dwell check lag orders billing', 'dwell check lag orders billing --warn 100 --crit 1000'],
    look: async (client, [topic, group], limits, signal) => {
      const { partitions, paused, push } = await client.group(topic, group).describe({ signal })
      const lag = partitions.reduce((sum, partition) => sum + partition.lag, 0)
      const found = judged(lag, limits, `lag of ${group} on ${topic} is ${lag}`, { lag: { value: lag, unit: '' } })
      const stands = paused !== undefined ? 'paused' : push?.paused !== undefined ? 'its endpoint is paused' : undefined
      if (stands === undefined) return found
      const status = found.status === 'OK' ? 'WARNING' : found.status
      return { ...found, status, sentence: `${found.sentence}, ${stands}` }
    },
  },
  {
    usage: 'dead-letters <topic> <group>',
    description: 'How many dead letters a group has.',
    thresholds: { warn: '1', crit: '100', read: wholeOf },
    examples: ['dwell check dead-letters orders billing --warn 10 --crit 100'],
    look: async (client, [topic, group], limits, signal) => {
      const dead = await client.deadLetters(topic, group).count({}, { signal })
      const sentence = `${dead} dead letters of ${group} on ${topic}`
      return judged(dead, limits, sentence, { dead: { value: dead, unit: '' } })
    },
  },
  {
    usage: 'lateness',
    description: 'How long the next delayed message has been due already.',
    thresholds: { warn: '2s', crit: '30s', read: msOf },
    examples: ['dwell check lateness', 'dwell check lateness --warn 1s --crit 10s'],
    look: async (client, _args, limits, signal) => {
      const text = await client.metrics({ signal })
      const overdueSeconds = metricOf(text, 'dwell_delayed_overdue_seconds')
      const overdue = metricOf(text, 'dwell_delayed_overdue')
      if (overdueSeconds === undefined || overdue === undefined)
        return { status: 'UNKNOWN', sentence: 'the service does not tell its lateness' }
      const lateMs = Math.round(overdueSeconds * 1000)
      const sentence = `delayed messages are ${formatDuration(lateMs)} late, ${overdue} overdue`
      const figures = { lateness: { value: overdueSeconds, unit: 's' }, overdue: { value: overdue, unit: '' } }
      return judged(lateMs, limits, sentence, figures)
    },
  },
]

/** Adds the commands to `program`. */
export function addCheck(program: Command, environment: NodeJS.ProcessEnv): void {
  const check = program.command('check').description('Checks for monitoring: one line, and exit code 0, 1, 2 or 3.')
  for (const row of ROWS) {
    const { usage, description, examples, thresholds } = row
    const command = addRemoteCommand(check, environment, {
      usage,
      description,
      options: (command) => (thresholds === undefined ? command : addThresholds(command, thresholds)),
      run: (remote, args, given) => run(row, remote, args, given),
      failed: (error, remote) => unknown(row, error, remote),
    })
    // 2 would be CRITICAL.
    command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : STATUS.UNKNOWN))
    addExamples(command, examples, CODES_HELP)
  }
}

function addThresholds(command: Command, { warn, crit }: { warn: string; crit: string }): Command {
  return command
    .option('--warn <threshold>', 'from this on it is a warning', warn)
    .option('--crit <threshold>', 'from this on it is critical', crit)
}

async function run(row: Row, remote: Remote, args: string[], given: Given): Promise<number> {
  const { thresholds } = row
  const limits = { warn: Number.POSITIVE_INFINITY, crit: Number.POSITIVE_INFINITY }
  if (thresholds !== undefined) {
    limits.warn = thresholds.read(given.warn as string)
    limits.crit = thresholds.read(given.crit as string)
    if (limits.crit < limits.warn)
      throw new CallError({ code: 'INVALID_ARGUMENT', sentence: '--crit must not be below --warn.' })
  }
  return report(row, remote, await row.look(remote.client, args, limits, remote.signal))
}

function unknown(row: Row, error: unknown, terminal: Terminal): Promise<number> {
  const sentence = (error as Error).message.replaceAll('\n', ' ')
  const status = exitCodeOf(error) === EXIT.NO_ANSWER ? (row.noAnswer ?? 'UNKNOWN') : 'UNKNOWN'
  return report(row, terminal, { status, sentence })
}

async function report({ usage }: Row, terminal: Terminal, found: Found): Promise<number> {
  const { status, sentence, figures = {} } = found
  const check = usage.split(' ')[0]
  const values = Object.entries(figures).map(([figure, { value, unit }]) => `${figure}=${value}${unit}`)
  const line = `DWELL ${status} - ${sentence}${values.length === 0 ? '' : ` | ${values.join(' ')}`}`
  await answer(terminal, { check, status, sentence, figures }, line)
  return STATUS[status]
}

function judged(
  value: number,
  { warn, crit }: { warn: number; crit: number },
  sentence: string,
  figures: Found['figures'],
): Found {
  return { status: value >= crit ? 'CRITICAL' : value >= warn ? 'WARNING' : 'OK', sentence, figures }
}
