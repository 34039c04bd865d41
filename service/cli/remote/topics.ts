// `dwell topics`: listed, described, created, changed, deleted, read.

import type { Command } from 'commander'
import type { TopicChange } from '../../client/index.ts'
import { EXIT } from '../exit-codes.ts'
import { answer } from '../terminal.ts'
import { confirmed } from './confirmation.ts'
import { countOf, sentDuration, wholeOf } from './forms.ts'
import { printRecords } from './records.ts'
import { addRemote, type Given, type Remote } from './remote.ts'
import { table } from './table.ts'

/** Adds the commands to `program`. */
export function addTopics(program: Command, environment: NodeJS.ProcessEnv): void {
  const topics = program.command('topics').description('Lists, describes, creates, changes, deletes and reads topics.')
  addRemote(topics, environment, {
    usage: 'list',
    description: 'Lists the topics.',
    examples: ['dwell topics list', 'dwell topics list --json'],
    run: list,
  })
  addRemote(topics, environment, {
    usage: 'get <topic>',
    description: 'Describes a topic, partition by partition.',
    examples: ['dwell topics get orders'],
    run: get,
  })
  addRemote(topics, environment, {
    usage: 'put <topic>',
    description: 'Creates a topic, or changes what is given.',
    options: (command) =>
      command
        .option('--partitions <count>', 'can grow, not shrink', countOf)
        .option('--retention <duration>', 'how long records are kept: 7d; none for ever')
        .option('--retention-bytes <bytes>', 'bytes that a partition keeps; none for all')
        .option('--cleanup <how>', 'delete, or compact: keep the last record of each key'),
    examples: ['dwell topics put invoices --partitions 8 --retention 7d', 'dwell topics put prices --cleanup compact'],
    run: put,
  })
  addRemote(topics, environment, {
    usage: 'delete <topic>',
    description: 'Deletes a topic with all of its records and groups. Asks for --yes.',
    options: (command) => command.option('--yes', 'do it', false),
    examples: ['dwell topics delete invoices', 'dwell topics delete invoices --yes'],
    run: remove,
  })
  addRemote(topics, environment, {
    usage: 'read <topic> <partition>',
    description: 'Prints the records of a partition as they lie in the log, whatever groups do with them.',
    options: (command) =>
      command
        .option('--offset <place>', 'a number, earliest, latest, or a time as @2026-11-20T10:00:00Z', 'earliest')
        .option('--limit <count>', 'so many at most', countOf, '100'),
    examples: [
      'dwell topics read orders 0 --limit 10',
      'dwell topics read orders 0 --offset @2026-11-20T10:00:00Z --json',
    ],
    run: read,
  })
}

async function list(remote: Remote): Promise<number> {
  const topics = await remote.client.topics.list({ signal: remote.signal })
  const lines = table(topics, {
    TOPIC: 'topic',
    PARTITIONS: 'partitions',
    RETENTION: 'retention',
    'RETENTION-BYTES': 'retentionBytes',
    CLEANUP: 'cleanup',
  })
  return answer(remote, { topics }, lines)
}

async function get(remote: Remote, [topic]: string[]): Promise<number> {
  const described = await remote.client.topics.get(topic, { signal: remote.signal })
  const { retention, retentionBytes, cleanup, partitions } = described
  const rows = table(partitions, {
    PARTITION: 'partition',
    START: 'logStartOffset',
    END: 'highWatermark',
    RECORDS: ({ highWatermark, logStartOffset }) => highWatermark - logStartOffset,
    BYTES: 'sizeBytes',
  })
  const limits = `retention ${retention ?? 'none'}, retention bytes ${retentionBytes ?? 'none'}`
  return answer(remote, described, [`${topic}: ${limits}, cleanup ${cleanup}`, ...rows])
}

async function put(remote: Remote, [topic]: string[], given: Given): Promise<number> {
  const { partitions, retention, retentionBytes, cleanup } = given as Record<string, string | undefined>
  const change: TopicChange = {
    partitions: partitions === undefined ? undefined : Number(partitions),
    retention: retention === undefined ? undefined : retention === 'none' ? null : sentDuration(retention),
    retentionBytes:
      retentionBytes === undefined ? undefined : retentionBytes === 'none' ? null : wholeOf(retentionBytes),
    cleanup: cleanup as TopicChange['cleanup'],
  }
  const described = await remote.client.topics.put(topic, change, { signal: remote.signal })
  return answer(remote, described, `The topic ${topic} has ${described.partitions.length} partitions.`)
}

async function remove(remote: Remote, [topic]: string[], given: Given): Promise<number> {
  const { client, signal } = remote
  const { partitions } = await client.topics.get(topic, { signal })
  const records = partitions.reduce((sum, { highWatermark, logStartOffset }) => sum + highWatermark - logStartOffset, 0)
  const groups = await client.topics.groups(topic, { signal })
  const what = `the topic ${topic}: ${records} records and ${groups.length} groups`
  return confirmed(remote, given, what, { topic, records, groups: groups.length }, 'Deleted', () =>
    client.topics.delete(topic, { signal }),
  )
}

async function read(
  { client, output, json, signal }: Remote,
  [topic, partition]: string[],
  given: Given,
): Promise<number> {
  const { offset, limit } = given as { offset: string; limit: string }
  const page = await client.topics.records(topic, wholeOf(partition), { offset, limit: Number(limit), signal })
  await printRecords(output, page.records, json, ({ offset, timestamp }) => `${offset}  ${timestamp}`)
  return EXIT.DONE
}
