// `dwell consume`: prints the records of a group and accepts them, or runs a command for each.

import type { Command } from 'commander'
import { SystemClock } from '../../../storage/index.ts'
import { type AcquiredRecord, CallError, type Outcome } from '../../client/index.ts'
import { execute } from './exec.ts'
import { countOf, durationOf, msOf } from './forms.ts'
import { contentOf, valueText } from './records.ts'
import { addRemote, type Given, type Remote } from './remote.ts'
import { runConsumer } from './running.ts'

const PRINTING_AT_ONCE = 100

/** Adds the command to `program`. */
export function addConsume(program: Command, environment: NodeJS.ProcessEnv): void {
  addRemote(program, environment, {
    usage: 'consume <topic> <group>',
    description:
      'Prints what the group gets and accepts it, until it is interrupted. With --exec a command decides: it finds the value on ' +
      'its standard input and the rest in MESSAGE_… variables, and its exit status 0 accepts, 75 releases, 126 and 127 (it cannot be run) release and end, any other rejects.',
    options: (command) =>
      command
        .option('--exec <command>', 'a shell command to run for each message')
        .option('--concurrency <count>', 'commands at a time', countOf, '1')
        .option('--max <count>', 'end after so many messages', countOf)
        .option('--until-empty', 'end when nothing came for as long as --wait', false)
        .option('--wait <duration>', 'how long to wait for messages at a time', durationOf, '20s')
        .option(
          '--lock <duration>',
          'how long a message is locked at a time; renewed while a command runs',
          durationOf,
          '30s',
        )
        .option('--values', 'print only the values', false),
    examples: [
      'dwell consume orders billing --max 1',
      'dwell consume orders billing --until-empty --wait 1s',
      'dwell consume orders audit --until-empty --wait 1s --json',
      `dwell consume orders shop --until-empty --wait 1s --exec 'jq . || exit 75'`,
    ],
    run: (remote, args, given) => consume(remote, args, given, environment),
  })
}

async function consume(remote: Remote, args: string[], given: Given, environment: NodeJS.ProcessEnv): Promise<number> {
  const { output, json } = remote
  const command = given.exec as string | undefined
  const shared = {
    recordsMax: given.max === undefined ? undefined : Number(given.max),
    untilEmpty: given.untilEmpty === true,
    waitMs: msOf(given.wait as string),
    lockMs: msOf(given.lock as string),
  }
  if (command === undefined) {
    const print = async (record: AcquiredRecord): Promise<Outcome> => {
      const isRead = await output.line(lineOf(record, json, given.values === true))
      // What nobody reads is not accepted.
      return isRead ? { type: 'accept' } : { type: 'release', delay: 0, reason: 'the reader went away' }
    }
    return runConsumer(remote, args, print, { ...shared, concurrency: PRINTING_AT_ONCE })
  }
  const clock = new SystemClock()
  const after = (delayMs: number, task: () => void) => {
    const timer = clock.setTimer(task, delayMs)
    return () => timer.cancel()
  }
  const unusable = new AbortController()
  const cannotRun = (why: string) => {
    const sentence = `The command cannot be run (${why}): what was in hand is released, and nothing more is taken.`
    unusable.abort(new CallError({ code: 'INVALID_ARGUMENT', sentence }))
  }
  const options = { command, cannotRun, group: args[1], environment, after }
  const run = async (record: AcquiredRecord, { signal }: { signal: AbortSignal }): Promise<Outcome> => {
    const outcome = await execute(record, signal, options)
    await output.line(verdictOf(record, outcome, json))
    return outcome
  }
  const signal = AbortSignal.any([remote.signal, unusable.signal])
  const code = await runConsumer({ ...remote, signal }, args, run, {
    ...shared,
    concurrency: Number(given.concurrency),
  })
  unusable.signal.throwIfAborted()
  return code
}

function lineOf(record: AcquiredRecord, json: boolean, onlyValue: boolean): string {
  if (onlyValue) return json ? JSON.stringify(record.value) : valueText(record)
  if (json) return JSON.stringify(record)
  const again = record.deliveryCount > 1 ? ` (delivery ${record.deliveryCount})` : ''
  return `${record.partition}/${record.offset}  ${contentOf(record)}${again}`
}

function verdictOf({ partition, offset, key, deliveryCount }: AcquiredRecord, outcome: Outcome, json: boolean): string {
  if (json) return JSON.stringify({ partition, offset, key, deliveryCount, ...outcome })
  const why = 'reason' in outcome && outcome.reason !== undefined ? `: ${outcome.reason}` : ''
  return `${partition}/${offset}  ${outcome.type}${why}`
}
