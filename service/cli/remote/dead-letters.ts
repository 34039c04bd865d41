// `dwell dead-letters`: listed, grouped by reason, given back with progress, purged; and the tasks that give back.

import type { Command } from 'commander'
import type { DeadLetter, DeadLetterFilter, Redrive } from '../../client/index.ts'
import { EXIT } from '../exit-codes.ts'
import { answer } from '../terminal.ts'
import { count } from '../words.ts'
import { confirmed } from './confirmation.ts'
import { countOf, mapOf, pairsOf, rateOf, sentTime } from './forms.ts'
import { Progress } from './progress.ts'
import { printRecords } from './records.ts'
import { addRemote, type Given, type Remote } from './remote.ts'
import { table } from './table.ts'

const LOOK_EVERY_MS = 500

/** Adds the commands to `program`. */
export function addDeadLetters(program: Command, environment: NodeJS.ProcessEnv): void {
  const dead = program
    .command('dead-letters')
    .description('Lists dead letters, tells what they died of, gives them back, purges them.')
  addRemote(dead, environment, {
    usage: 'list <topic> <group>',
    description: 'Lists dead letters, each with when and of what it died.',
    options: (command) => filtered(command).option('--limit <count>', 'so many at most', countOf, '100'),
    examples: ['dwell dead-letters list orders billing', `dwell dead-letters list orders billing --reason bank --json`],
    run: list,
  })
  addRemote(dead, environment, {
    usage: 'reasons <topic> <group>',
    description: 'Tells what dead letters died of, the most frequent first.',
    options: filtered,
    examples: ['dwell dead-letters reasons orders billing'],
    run: reasons,
  })
  addRemote(dead, environment, {
    usage: 'redrive <topic> <group>',
    description: 'Gives dead letters back to their group, and waits until that is done.',
    options: (command) =>
      filtered(command)
        .option('--rate <number>', 'so many a second; as fast as it goes when absent', rateOf)
        .option('--dry-run', 'only count', false)
        .option('--no-wait', 'end when the task has begun'),
    examples: [
      'dwell dead-letters redrive orders billing --reason bank --dry-run',
      'dwell dead-letters redrive orders billing --rate 100',
    ],
    run: redrive,
  })
  addRemote(dead, environment, {
    usage: 'redrives',
    description: 'Lists the tasks that give dead letters back, the newest first.',
    examples: ['dwell dead-letters redrives'],
    run: redrives,
  })
  addRemote(dead, environment, {
    usage: 'stop <task>',
    description: 'Stops a task that gives dead letters back. What was moved stays moved.',
    examples: ['dwell dead-letters stop $(dwell dead-letters redrive orders billing --no-wait)'],
    run: async (remote, [task]) => {
      const stopped = await remote.client.redrives.stop(task, { signal: remote.signal })
      return answer(remote, stopped, sentenceOf(stopped))
    },
  })
  addRemote(dead, environment, {
    usage: 'purge <topic> <group>',
    description: 'Removes dead letters for ever. Shows how many, and does it with --yes.',
    options: (command) => filtered(command).option('--yes', 'do it', false),
    examples: [
      'dwell dead-letters purge orders billing',
      `dwell dead-letters purge orders billing --reason 'no such account' --yes`,
    ],
    run: purge,
  })
}

function filtered(command: Command): Command {
  return command
    .option('--reason <text>', 'is part of the last reason')
    .option('--cause <cause>', 'CLIENT_REJECT or DELIVERY_COUNT_EXCEEDED')
    .option('--key <key>', 'of this key')
    .option('--header <name=value>', 'with this header; may be given several times', pairsOf)
    .option('--from <time>', 'died at or after this time')
    .option('--to <time>', 'died before this time')
}

function filterOf({ reason, cause, key, header, from, to }: Given): DeadLetterFilter {
  const headers = Object.entries(mapOf((header as string[] | undefined) ?? []))
  return {
    ...Object.fromEntries(headers.map(([name, value]) => [`header.${name}`, value])),
    reason: reason as string | undefined,
    cause: cause as DeadLetterFilter['cause'],
    key: key as string | undefined,
    from: from === undefined ? undefined : sentTime(from as string),
    to: to === undefined ? undefined : sentTime(to as string),
  }
}

async function list({ client, output, json, signal }: Remote, [topic, group]: string[], given: Given): Promise<number> {
  const limit = Number(given.limit)
  const letters = client.deadLetters(topic, group).list(filterOf(given), { pageSize: Math.min(limit, 1_000), signal })
  await printRecords(output, letters, json, placeOf, limit)
  return EXIT.DONE
}

function placeOf({ diedAt, partition, offset, reason, cause, deliveryCount }: DeadLetter): string {
  const tries = count(deliveryCount, 'delivery', 'deliveries')
  return `${diedAt}  ${partition}/${offset}  ${tries}  ${reason === '' ? cause : JSON.stringify(reason)}`
}

async function reasons(remote: Remote, [topic, group]: string[], given: Given): Promise<number> {
  const found = await remote.client.deadLetters(topic, group).reasons(filterOf(given), { signal: remote.signal })
  const lines = table(found.reasons, { COUNT: 'count', CAUSE: 'cause', FIRST: 'first', LAST: 'last', REASON: 'reason' })
  if (found.others > 0) lines.push(`… and ${count(found.others, 'other')}.`)
  return answer(remote, found, lines)
}

async function redrive(remote: Remote, [topic, group]: string[], given: Given): Promise<number> {
  const { client, signal } = remote
  const dead = client.deadLetters(topic, group)
  const filter = filterOf(given)
  if (given.dryRun) {
    const matched = await dead.count(filter, { signal })
    return answer(remote, { count: matched }, `${count(matched, 'dead letter')} would go back.`)
  }
  const ratePerSecond = given.rate === undefined ? undefined : Number(given.rate)
  const task = await dead.redrive({ filter, ratePerSecond }, { signal })
  // Its name alone, so that a shell can go on with it.
  if (given.wait === false) return answer(remote, { task }, task)
  const ended = await ending(remote, task)
  await answer(remote, ended, sentenceOf(ended))
  return ended.state === 'done' && ended.failed === 0 ? EXIT.DONE : EXIT.REFUSED
}

/** Waits for the end of a task, and shows how far it is. */
async function ending({ client, notes, signal }: Remote, task: string): Promise<Redrive> {
  const { matched } = await client.redrives.get(task, { signal })
  const progress = new Progress(process.stderr, matched)
  const onProgress = ({ moved, matched }: Redrive) => progress.show(moved, `${moved} of ${matched} moved`)
  try {
    return await client.redrives.wait(task, { signal, everyMs: LOOK_EVERY_MS, onProgress })
  } finally {
    progress.end()
    if (signal.aborted) await notes.line(`The task ${task} goes on; \`dwell dead-letters stop ${task}\` stops it.`)
  }
}

async function redrives(remote: Remote): Promise<number> {
  const redrives = await remote.client.redrives.list({ signal: remote.signal })
  const lines = table(redrives, {
    TASK: 'task',
    TOPIC: 'topic',
    GROUP: 'group',
    STATE: 'state',
    MATCHED: 'matched',
    MOVED: 'moved',
    FAILED: 'failed',
    STARTED: 'started',
  })
  return answer(remote, { redrives }, lines)
}

async function purge(remote: Remote, [topic, group]: string[], given: Given): Promise<number> {
  const { client, signal } = remote
  const dead = client.deadLetters(topic, group)
  const filter = filterOf(given)
  let number = await dead.count(filter, { signal })
  // More may have died since they were counted.
  if (given.yes) number = await dead.purge(filter, { signal })
  const what = `${count(number, 'dead letter')} of ${group} of ${topic}`
  return confirmed(remote, given, what, { topic, group, count: number }, 'Purged', async () => {})
}

function sentenceOf({ task, state, matched, moved, failed, reason }: Redrive): string {
  const lost = failed === 0 ? '' : `, ${failed} could not be read and stay`
  return `The task ${task} is ${state}: ${moved} of ${matched} moved${lost}${reason === undefined ? '' : ` (${reason})`}.`
}
