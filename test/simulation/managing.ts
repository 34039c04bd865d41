// Creating, altering and deleting topics.

import type { TopicSettings } from '../../storage/index.ts'
import { type Client, isRefusal } from './client.ts'
import type { TopicModel } from './model.ts'

const PARTITIONS_MAX = 5

/** Creates a topic. A name may come again: then it is another topic. */
export async function createTopic(client: Client, name: string): Promise<void> {
  const { engine, model } = client
  const asked = { name, settings: anySettings(client) }
  model.creating.push(asked)
  try {
    const { id } = await engine.createTopic(name, asked.settings)
    if (client.isDead) return
    client.written(`created ${name} as ${id}`)
    model.created(name, id, asked.settings)
    remove(model.creating, asked)
  } catch (error) {
    if (isRefusal(error) && !client.isDead) remove(model.creating, asked)
    throw error
  }
}

/** Alters a topic's settings; it may get more partitions, or be compacted from now on, or no more. */
export async function alterTopic(client: Client): Promise<void> {
  const topic = anyTopic(client)
  if (topic === undefined) return
  const settings = anySettings(client)
  topic.doubtful.push(settings)
  topic.compacted ||= settings.cleanup === 'compact'
  try {
    await client.engine.alterTopic(topic.name, settings)
    if (client.isDead) return
    client.written(`altered ${topic.name}`)
    topic.settings = settings
    remove(topic.doubtful, settings)
  } catch (error) {
    if (isRefusal(error) && !client.isDead) remove(topic.doubtful, settings)
    throw error
  }
}

/** Deletes a topic with all that is in it, and with what waits for it. */
export async function deleteTopic(client: Client): Promise<void> {
  const topic = anyTopic(client)
  if (topic?.state !== 'alive') return
  topic.state = 'deleting'
  await client.engine.deleteTopic(topic.name)
  if (client.isDead) return
  // Not written(): its record may have been durable before anything failed.
  client.answered(`deleted ${topic.name}`)
  topic.state = 'gone'
}

/** A topic that is not known to be gone. */
export function anyTopic({ model, random }: Client): TopicModel | undefined {
  const alive = [...model.topics.values()].filter(({ state }) => state !== 'gone')
  return alive.length === 0 ? undefined : random.pick(alive)
}

function anySettings({ random }: Client): TopicSettings {
  const partitions = random.between(1, PARTITIONS_MAX)
  if (random.chance(0.25)) return { partitions, cleanup: 'compact' }
  return {
    partitions,
    cleanup: 'delete',
    ...(random.chance(0.15) && { retentionMs: random.pick([1_000, 60_000, 86_400_000]) }),
    ...(random.chance(0.15) && { retentionBytes: random.pick([2_000, 20_000]) }),
  }
}

function remove<T>(items: T[], item: T): void {
  const at = items.indexOf(item)
  if (at >= 0) items.splice(at, 1)
}
