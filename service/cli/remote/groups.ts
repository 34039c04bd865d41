// `dwell groups`: listed, described with their lag, set, reset with a preview, paused and resumed.

import type { Command } from 'commander'
import type { GroupChange, GroupDescription, GroupSettings } from '../../client/index.ts'
import { answer } from '../terminal.ts'
import { confirmed } from './confirmation.ts'
import { countOf, durationOf, sentDuration, shareOf } from './forms.ts'
import { addRemote, type Given, type Remote } from './remote.ts'
import { previewReset, sentPlace } from './reset-preview.ts'
import { table } from './table.ts'

/** Adds the commands to `program`. */
export function addGroups(program: Command, environment: NodeJS.ProcessEnv): void {
  const groups = program.command('groups').description('Lists, describes, sets, resets, pauses and resumes groups.')
  addRemote(groups, environment, {
    usage: 'list <topic>',
    description: 'Lists the groups of a topic.',
    examples: ['dwell groups list orders'],
    run: list,
  })
  addRemote(groups, environment, {
    usage: 'describe <topic> <group>',
    description: 'Shows where a group stands in each partition: lag, in flight, waiting for a retry, dead.',
    examples: ['dwell groups describe orders billing', 'dwell groups describe orders billing --json'],
    run: async (remote, [topic, group]) => {
      const described = await remote.client.group(topic, group).describe({ signal: remote.signal })
      return answer(remote, described, linesOf(described))
    },
  })
  addRemote(groups, environment, {
    usage: 'put <topic> <group>',
    description: 'Creates a group, or changes what is given.',
    options: (command) =>
      command
        .option('--retry <tiers>', '5s,10s,15s; none for straight to the dead letters; or standard-webhooks')
        .option('--jitter <share>', 'from 0 to 1: up to so much of its tier longer', shareOf)
        .option('--lock <duration>', 'how long a record is locked when nothing else is said', durationOf)
        .option('--max-in-flight <count>', 'records acquired and not finished, a partition', countOf)
        .option('--order <order>', 'none, or key: later records of a key wait for earlier ones')
        .option('--start <place>', 'where a new group begins: earliest or latest'),
    examples: [
      'dwell groups put orders billing --retry 1s,10s,1m --jitter 0.2',
      'dwell groups put orders strict --order key',
    ],
    run: put,
  })
  addRemote(groups, environment, {
    usage: 'reset <topic> <group> <to>',
    description:
      'Moves a group to earliest, latest or a time. Shows what that means for each partition, and does it with --yes.',
    options: (command) => command.option('--yes', 'do it', false),
    examples: ['dwell groups reset orders billing earliest', 'dwell groups reset orders billing latest --yes'],
    run: reset,
  })
  addRemote(groups, environment, {
    usage: 'pause <topic> <group>',
    description: 'Hands nothing out until resume. What is out stays out.',
    options: (command) => command.option('--reason <text>', 'is shown to whoever looks'),
    examples: [`dwell groups pause orders billing --reason 'the bank is down'`],
    run: async (remote, [topic, group], { reason }) => {
      const { paused } = await remote.client.group(topic, group).pause(reason as string, { signal: remote.signal })
      return answer(remote, { topic, group, paused }, `Paused ${group} of ${topic}.`)
    },
  })
  addRemote(groups, environment, {
    usage: 'resume <topic> <group>',
    description: 'Goes on after a pause.',
    examples: ['dwell groups resume orders billing'],
    run: async (remote, [topic, group]) => {
      await remote.client.group(topic, group).resume({ signal: remote.signal })
      return answer(remote, { topic, group }, `${group} of ${topic} goes on.`)
    },
  })
  addRemote(groups, environment, {
    usage: 'delete <topic> <group>',
    description: 'Forgets a group, with where it stands and what waits for its retry. Asks for --yes.',
    options: (command) => command.option('--yes', 'do it', false),
    examples: ['dwell groups delete orders strict --yes'],
    run: remove,
  })
}

async function list(remote: Remote, [topic]: string[]): Promise<number> {
  const groups = await remote.client.topics.groups(topic, { signal: remote.signal })
  const lines = table(groups, {
    GROUP: 'group',
    RETRY: ({ retry }) => tiersOf(retry),
    LOCK: 'lock',
    ORDER: 'order',
    START: 'start',
    PUSH: ({ push }) => push?.url,
    PAUSED: ({ paused, push }) => (paused !== undefined ? 'yes' : push?.paused !== undefined ? 'endpoint' : 'no'),
  })
  return answer(remote, { groups }, lines)
}

function linesOf(described: GroupDescription): string[] {
  const { topic, group, paused, push, partitions, lanes } = described
  const lines = table(partitions, {
    GROUP: () => group,
    TOPIC: () => topic,
    PARTITION: 'partition',
    'START-OFFSET': 'startOffset',
    'END-OFFSET': 'endOffset',
    LAG: 'lag',
    'IN-FLIGHT': 'inFlight',
    WAITING: ({ waiting }) => sumOf(waiting),
    DEAD: 'dead',
  })
  lines.push('', settingsLine(described))
  if (paused !== undefined)
    lines.push(`Paused since ${paused.since}${paused.reason === '' ? '' : `: ${paused.reason}`}`)
  if (push !== undefined) {
    const stands = push.paused === undefined ? '' : `, paused since ${push.paused.since}: ${push.paused.reason}`
    lines.push(`Pushes to ${push.url}${stands}`)
  }
  const waiting = lanes.filter(({ waiting }) => waiting > 0)
  if (waiting.length > 0)
    lines.push('', ...table(waiting, { TIER: 'tier', WAITING: 'waiting', SINCE: 'oldestAt', LANE: 'topic' }))
  return lines
}

async function put(remote: Remote, [topic, group]: string[], given: Given): Promise<number> {
  const { retry, jitter, lock, maxInFlight, order, start } = given as Record<string, string | undefined>
  const change: GroupChange = {
    retry: retry === undefined ? undefined : retryOf(retry),
    jitter: jitter === undefined ? undefined : Number(jitter),
    lock: lock === undefined ? undefined : sentDuration(lock),
    maxInFlight: maxInFlight === undefined ? undefined : Number(maxInFlight),
    order: order as GroupChange['order'],
    start: start as GroupChange['start'],
  }
  const settings = await remote.client.group(topic, group).put(change, { signal: remote.signal })
  return answer(remote, settings, `${group} of ${topic}: ${settingsLine(settings)}`)
}

async function reset(remote: Remote, [topic, group, to]: string[], given: Given): Promise<number> {
  const { client, output, json, signal } = remote
  const preview = await previewReset(client, topic, group, to, signal)
  if (!json) {
    const shown = {
      PARTITION: 'partition',
      FROM: 'from',
      TO: 'to',
      'COMES-AGAIN': 'again',
      'LEFT-OUT': 'skipped',
    } as const
    await output.lines(table(preview, shown))
    const lanes = to === 'latest' ? 'is given up too' : 'goes on waiting'
    await output.line(`Receipts that are out become invalid; what waits for a retry ${lanes}.`)
  }
  return confirmed(remote, given, `${group} of ${topic}`, { topic, group, partitions: preview }, 'Reset', () =>
    client.group(topic, group).reset(sentPlace(to), { signal }),
  )
}

async function remove(remote: Remote, [topic, group]: string[], given: Given): Promise<number> {
  const { client, signal } = remote
  const { partitions } = await client.group(topic, group).describe({ signal })
  const lag = partitions.reduce((sum, partition) => sum + partition.lag, 0)
  const waiting = partitions.reduce((sum, partition) => sum + sumOf(partition.waiting), 0)
  const what = `the group ${group} of ${topic}: a lag of ${lag}, ${waiting} waiting for a retry`
  return confirmed(remote, given, what, { topic, group, lag, waiting }, 'Forgot', () =>
    client.group(topic, group).delete({ signal }),
  )
}

function settingsLine({ retry, jitter, lock, maxInFlight, order, start }: GroupSettings): string {
  const spread = jitter === 0 ? '' : ` with jitter ${jitter}`
  return `retry ${tiersOf(retry)}${spread}, lock ${lock}, order ${order}, start ${start}, at most ${maxInFlight} in flight`
}

function tiersOf(retry: readonly string[]): string {
  return retry.length === 0 ? 'none' : retry.join(',')
}

function retryOf(text: string): GroupChange['retry'] {
  if (text === 'standard-webhooks') return text
  return text === 'none' || text === '' ? [] : text.split(',').map((tier) => sentDuration(tier.trim()))
}

function sumOf(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
