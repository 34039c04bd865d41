// `dwell consume`: prints the records of a group and accepts them, or runs a command for each.

import type { Command } from 'commander'
import { SystemClock } from '../../../storage/index.ts'
import type { AcquiredRecord, CallError, Consumer, Outcome } from '../../client/index.ts'
import { execute } from './exec.ts'
import { EXIT } from './exit-codes.ts'
import { countOf, durationOf, msOf } from './forms.ts'
import { contentOf, valueText } from './records.ts'
import { addRemote, type Given, type Remote } from './remote.ts'

const PRINTING_AT_ONCE = 100

/** Adds the command to `program`. */
export function addConsume(program: Command, environment: NodeJS.ProcessEnv): void {
  addRemote(program, environment, {
    usage: 'consume <topic> <group>',
    description:
      'Prints what the group gets and accepts it, until it is interrupted. With --exec a command decides: it finds the value on ' +
      'its standard input and the rest in MESSAGE_… variables, and its exit status 0 accepts, 75 releases, any other rejects.',
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

async function consume(
  remote: Remote,
  [topic, group]: string[],
  given: Given,
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  const { client, output, notes, stopping } = remote
  const max = given.max === undefined ? Number.POSITIVE_INFINITY : Number(given.max)
  const concurrency = Math.min(max, given.exec === undefined ? PRINTING_AT_ONCE : Number(given.concurrency))
  const clock = new SystemClock()
  const after = (delayMs: number, task: () => void) => {
    const timer = clock.setTimer(task, delayMs)
    return () => timer.cancel()
  }
  let handled = 0
  let lastMs = clock.monotonicMs()
  const handle = async (record: AcquiredRecord, { signal }: { signal: AbortSignal }): Promise<Outcome> => {
    // The lines of records that are handled at once come whole, and in the order of their arrival.
    if (handled >= max) return { type: 'release', delay: 0, reason: 'not asked for' }
    handled++
    const { exec } = given
    if (exec === undefined) await output.line(lineOf(record, remote.json, given.values === true))
    const outcome: Outcome =
      exec === undefined
        ? { type: 'accept' }
        : await execute(record, signal, { command: exec as string, group, environment, after })
    lastMs = clock.monotonicMs()
    if (exec !== undefined) await output.line(verdictOf(record, outcome, remote.json))
    if (handled >= max || output.closed) end()
    return outcome
  }
  const waitMs = msOf(given.wait as string)
  let failure: CallError | undefined
  const consumer: Consumer = client.consume(topic, group, handle, {
    concurrency,
    waitMs,
    lockMs: msOf(given.lock as string),
    signal: stopping,
    onError: (error) => {
      failure = error
      void notes.line(error.message, 'red')
    },
  })
  const end = () => void consumer.stop()
  let cancelLook = () => {}
  if (given.untilEmpty) {
    const look = () => {
      const isIdle = consumer.inHand === 0 && clock.monotonicMs() - lastMs >= waitMs
      if (isIdle) end()
      else cancelLook = after(Math.min(waitMs, 200), look)
    }
    look()
  }
  try {
    await consumer.done
  } catch {
    // It was told already.
  } finally {
    cancelLook()
  }
  if (failure !== undefined && handled === 0) throw failure
  return EXIT.DONE
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
