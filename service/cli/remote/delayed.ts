// `dwell delayed`: messages that wait, looked up, cancelled, moved, let go, listed.

import type { Command } from 'commander'
import { CallError, type DelayedState } from '../../client/index.ts'
import { EXIT } from '../exit-codes.ts'
import { answer } from '../terminal.ts'
import { countOf, sentDuration, sentTime } from './forms.ts'
import { printRecords } from './records.ts'
import { addRemote, type Given, type Remote } from './remote.ts'

/** Adds the commands to `program`. */
export function addDelayed(program: Command, environment: NodeJS.ProcessEnv): void {
  const delayed = program
    .command('delayed')
    .description('Looks delayed messages up, cancels, moves, dispatches and lists them.')
  addRemote(delayed, environment, {
    usage: 'get <topic> <id>',
    description: 'Tells where a delayed message is: pending, dispatched or cancelled.',
    examples: ['dwell delayed get reminders ada'],
    run: async (remote, [topic, id]) =>
      say(remote, await remote.client.delayed(topic).get(id, { signal: remote.signal })),
  })
  addRemote(delayed, environment, {
    usage: 'cancel <topic> <id>',
    description: 'Cancels a delayed message: it does not arrive. Refused when it was dispatched already.',
    examples: ['dwell delayed cancel reminders cem'],
    run: async (remote, [topic, id]) => {
      await remote.client.delayed(topic).cancel(id, { signal: remote.signal })
      return say(remote, { id, state: 'cancelled' })
    },
  })
  addRemote(delayed, environment, {
    usage: 'reschedule <topic> <id>',
    description: 'Moves a delayed message; its id stays. One of --delay and --at.',
    options: (command) =>
      command
        .option('--delay <duration>', 'from now on: 30s, 1h30m, 3d')
        .option('--at <time>', 'a time: 2026-12-24T18:00:00Z'),
    examples: ['dwell delayed reschedule reminders ada --delay 90m'],
    run: reschedule,
  })
  addRemote(delayed, environment, {
    usage: 'dispatch <topic> <id>',
    description: 'Dispatches a delayed message now instead of then.',
    examples: ['dwell delayed dispatch reminders ben'],
    run: async (remote, [topic, id]) =>
      say(remote, await remote.client.delayed(topic).dispatch(id, { signal: remote.signal })),
  })
  addRemote(delayed, environment, {
    usage: 'list <topic>',
    description: 'Lists what is pending, in order of due time.',
    options: (command) =>
      command
        .option('--from <time>', 'due at or after this time')
        .option('--to <time>', 'due before this time')
        .option('--limit <count>', 'so many at most', countOf, '100'),
    examples: [
      'dwell delayed list reminders --limit 2',
      'dwell delayed list reminders --to 2027-01-01T00:00:00Z --json',
    ],
    run: list,
  })
}

function say(remote: Remote, found: DelayedState): Promise<number> {
  const { id, state, dueAt, partition, offset } = found
  const due = dueAt === undefined ? '' : `, due at ${dueAt}`
  const where = offset === undefined ? '' : `, at partition ${partition}, offset ${offset}`
  return answer(remote, found, `${id} is ${state}${due}${where}.`)
}

async function reschedule(remote: Remote, [topic, id]: string[], given: Given): Promise<number> {
  const { delay, at } = given as { delay?: string; at?: string }
  if ((delay === undefined) === (at === undefined))
    throw new CallError({ code: 'INVALID_ARGUMENT', sentence: 'Give one of --delay and --at.' })
  const due = delay === undefined ? { deliverAt: sentTime(at as string) } : { delay: sentDuration(delay) }
  return say(remote, await remote.client.delayed(topic).reschedule(id, due, { signal: remote.signal }))
}

async function list({ client, output, json, signal }: Remote, [topic]: string[], given: Given): Promise<number> {
  const { from, to, limit } = given as { from?: string; to?: string; limit: string }
  const pageSize = Math.min(Number(limit), 1_000)
  const pending = client.delayed(topic).list({ from: from && sentTime(from), to: to && sentTime(to), pageSize, signal })
  await printRecords(output, pending, json, ({ dueAt, id }) => `${dueAt}  ${id}`, Number(limit))
  return EXIT.DONE
}
