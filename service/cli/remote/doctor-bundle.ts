// What goes into the file of `dwell doctor --bundle`. It is made of what is named here, field by field, so nothing else gets in:
// no body, key or header of a message, no token or secret, no path or query of an endpoint.

import { arch, cpus, platform, release, totalmem } from 'node:os'
import { SystemClock } from '../../../storage/index.ts'
import { CallError, type DwellClient, type GroupDescription, type TopicSummary } from '../../client/index.ts'
import { formatTime } from '../../time.ts'
import type { Finding } from './doctor.ts'

const GROUPS_MAX = 200

export interface BundleParts {
  findings: readonly Finding[]
  settings: Readonly<Record<string, string>>
  metrics: string
}

/** All that goes into the file. @throws the reason of the signal */
export async function makeBundle(client: DwellClient, parts: BundleParts, signal: AbortSignal): Promise<object> {
  return {
    madeAt: formatTime(new SystemClock().wallMs()),
    program: {
      node: process.version,
      platform: platform(),
      release: release(),
      arch: arch(),
      cpus: cpus().length,
      memoryBytes: totalmem(),
    },
    ...parts,
    ...(await topicsOf(client, signal)),
  }
}

/** Topics and groups, as far as they may be seen. */
async function topicsOf(
  client: DwellClient,
  signal: AbortSignal,
): Promise<{ topics: TopicSummary[]; groups: object[] }> {
  const groups: object[] = []
  try {
    const topics = await client.topics.list({ signal })
    for (const { topic } of topics) {
      for (const { group } of await client.topics.groups(topic, { signal })) {
        if (groups.length === GROUPS_MAX) return { topics, groups }
        groups.push(shown(await client.group(topic, group).describe({ signal })))
      }
    }
    return { topics, groups }
  } catch (error) {
    if (error instanceof CallError) return { topics: [], groups }
    throw error
  }
}

function shown(described: GroupDescription): object {
  const { topic, group, retry, jitter, lock, maxInFlight, order, start, paused, deadLetters, push, partitions, lanes } =
    described
  return {
    topic,
    group,
    retry,
    jitter,
    lock,
    maxInFlight,
    order,
    start,
    deadLetters,
    partitions,
    lanes,
    pausedSince: paused?.since,
    push: push && {
      host: new URL(push.url).host,
      concurrency: push.concurrency,
      timeout: push.timeout,
      pausedSince: push.paused?.since,
    },
  }
}
