// `dwell groups`: listed, described with their lag, set, reset with a preview, paused and resumed.

import type { Command } from 'commander'
import type { GroupChange, GroupDescription, GroupSettings } from '../../client/index.ts'
import { columns } from './columns.ts'
import { confirmed } from './confirmation.ts'
import { EXIT } from './exit-codes.ts'
import { countOf, durationOf, sentDuration, shareOf } from './forms.ts'
import { addRemote, type Given, type Remote } from './remote.ts'
import { previewReset, sentPlace } from './reset-preview.ts'

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
    run: async ({ client, output, json, stopping: signal }, [topic, group]) => {
      const described = await client.group(topic, group).describe({ signal })
      if (json) await output.line(JSON.stringify(described))
      else await output.lines(describe(described))
      return EXIT.DONE
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
      const { paused } = await remote.client.group(topic, group).pause(reason as string, { signal: remote.stopping })
      return say(remote, `Paused ${group} of ${topic}.`, { topic, group, paused })
    },
  })
  addRemote(groups, environment, {
    usage: 'resume <topic> <group>',
    description: 'Goes on after a pause.',
    examples: ['dwell groups resume orders billing'],
    run: async (remote, [topic, group]) => {
      await remote.client.group(topic, group).resume({ signal: remote.stopping })
      return say(remote, `${group} of ${topic} goes on.`, { topic, group })
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

async function list({ client, output, json, stopping: signal }: Remote, [topic]: string[]): Promise<number> {
  const groups = await client.topics.groups(topic, { signal })
  if (json) await output.line(JSON.stringify({ groups }))
  else {
    const rows = groups.map(({ group, retry, lock, order, start, paused, push }) => [
      group,
      tiersOf(retry),
      lock,
      order,
      start,
      push?.url,
      paused === undefined ? 'no' : 'yes',
    ])
    await output.lines(columns(['GROUP', 'RETRY', 'LOCK', 'ORDER', 'START', 'PUSH', 'PAUSED'], rows))
  }
  return EXIT.DONE
}

function describe(described: GroupDescription): string[] {
  const { topic, group, paused, push, partitions } = described
  const rows = partitions.map((at) => {
    const { partition, startOffset, endOffset, lag, inFlight, waiting, dead } = at
    return [group, topic, partition, startOffset, endOffset, lag, inFlight, sumOf(waiting), dead]
  })
  const lines = columns(
    ['GROUP', 'TOPIC', 'PARTITION', 'START-OFFSET', 'END-OFFSET', 'LAG', 'IN-FLIGHT', 'WAITING', 'DEAD'],
    rows,
  )
  lines.push('', settingsLine(described))
  if (paused !== undefined)
    lines.push(`Paused since ${paused.since}${paused.reason === '' ? '' : `: ${paused.reason}`}`)
  if (push !== undefined) {
    const stands = push.paused === undefined ? '' : `, paused since ${push.paused.since}: ${push.paused.reason}`
    lines.push(`Pushes to ${push.url}${stands}`)
  }
  const lanes = described.lanes.filter(({ waiting }) => waiting > 0)
  if (lanes.length > 0) {
    const waiting = lanes.map(({ tier, topic, waiting, oldestAt }) => [tier, waiting, oldestAt, topic])
    lines.push('', ...columns(['TIER', 'WAITING', 'SINCE', 'LANE'], waiting))
  }
  return lines
}

async function put(
  { client, output, json, stopping: signal }: Remote,
  [topic, group]: string[],
  given: Given,
): Promise<number> {
  const { retry, jitter, lock, maxInFlight, order, start } = given as Record<string, string | undefined>
  const change: GroupChange = {
    retry: retry === undefined ? undefined : retryOf(retry),
    jitter: jitter === undefined ? undefined : Number(jitter),
    lock: lock === undefined ? undefined : sentDuration(lock),
    maxInFlight: maxInFlight === undefined ? undefined : Number(maxInFlight),
    order: order as GroupChange['order'],
    start: start as GroupChange['start'],
  }
  const settings = await client.group(topic, group).put(change, { signal })
  await output.line(json ? JSON.stringify(settings) : `${group} of ${topic}: ${settingsLine(settings)}`)
  return EXIT.DONE
}

async function reset(remote: Remote, [topic, group, to]: string[], given: Given): Promise<number> {
  const { client, output, json, stopping: signal } = remote
  const preview = await previewReset(client, topic, group, to, signal)
  if (!json) {
    const rows = preview.map(({ partition, from, to, again, skipped }) => [partition, from, to, again, skipped])
    await output.lines(columns(['PARTITION', 'FROM', 'TO', 'COMES-AGAIN', 'LEFT-OUT'], rows))
    const lanes = to === 'latest' ? 'is given up too' : 'goes on waiting'
    await output.line(`Receipts that are out become invalid; what waits for a retry ${lanes}.`)
  }
  return confirmed(remote, given, `${group} of ${topic}`, { topic, group, partitions: preview }, 'Reset', () =>
    client.group(topic, group).reset(sentPlace(to), { signal }),
  )
}

async function remove(remote: Remote, [topic, group]: string[], given: Given): Promise<number> {
  const { client, stopping: signal } = remote
  const { partitions } = await client.group(topic, group).describe({ signal })
  const lag = partitions.reduce((sum, partition) => sum + partition.lag, 0)
  const waiting = partitions.reduce((sum, partition) => sum + sumOf(partition.waiting), 0)
  const what = `the group ${group} of ${topic}: a lag of ${lag}, ${waiting} waiting for a retry`
  return confirmed(remote, given, what, { topic, group, lag, waiting }, 'Forgot', () =>
    client.group(topic, group).delete({ signal }),
  )
}

async function say({ output, json }: Remote, sentence: string, document: object): Promise<number> {
  await output.line(json ? JSON.stringify(document) : sentence)
  return EXIT.DONE
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
