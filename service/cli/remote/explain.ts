// `dwell explain`: where a message is, what happened to it, what comes next, and why not yet.

import type { Command } from 'commander'
import type { Account } from '../../client/index.ts'
import { answer } from '../terminal.ts'
import { placeOf } from './forms.ts'
import { addRemote, type Given, type Remote } from './remote.ts'

/** Adds the command to `program`. */
export function addExplain(program: Command, environment: NodeJS.ProcessEnv): void {
  addRemote(program, environment, {
    usage: 'explain <topic> <message>',
    description:
      'Tells where a message is, what happened to it, what comes next, and why not yet. The message is its id, or its place ' +
      'as partition/offset.',
    options: (command) =>
      command
        .option('--group <group>', 'what this group did with it')
        .option('--id', 'take <message> as an id, also where it looks like a place', false),
    examples: [
      'dwell explain reminders ada',
      'dwell explain orders 0/0 --group billing',
      'dwell explain orders 0/0 --json',
    ],
    run: explain,
  })
}

async function explain(remote: Remote, [topic, message]: string[], given: Given): Promise<number> {
  const place = given.id ? undefined : placeOf(message)
  const options = { group: given.group as string | undefined, signal: remote.signal }
  const found = await remote.client.explain(topic, place ?? { id: message }, options)
  const { id, partition, offset, group, groups = [], groupsOmitted = 0 } = found
  const names = [id, offset === undefined ? undefined : `partition ${partition}, offset ${offset}`, group]
  const lines = [`${topic}: ${names.filter((name) => name !== undefined).join(', ')}`, ...linesOf(found, '')]
  for (const one of groups) lines.push(`group ${one.group}`, ...linesOf(one, '  '))
  if (groupsOmitted > 0) lines.push(`… and ${groupsOmitted} more groups: ask for one with --group.`)
  return answer(remote, found, lines)
}

function linesOf({ state, why, happened, next }: Account, indent: string): string[] {
  const lines = [`${indent}${state}: ${why}`]
  for (const { at, event, reason } of happened)
    lines.push(`${indent}  ${at}  ${event}${reason === undefined || reason === '' ? '' : `: ${reason}`}`)
  if (next !== undefined) {
    const to = next.to === undefined ? '' : ` to ${next.to}`
    lines.push(
      `${indent}  ${next.at ?? 'next'.padEnd(24)}  ${next.event}${to}${next.at === undefined ? '' : ' (to come)'}`,
    )
  }
  return lines
}
