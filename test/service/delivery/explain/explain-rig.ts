// Explain over groups in memory (group-rig.ts), with what their wheel holds at this moment.

import { Explainer } from '../../../../service/delivery/explain/explain.ts'
import type { TopicDescription } from '../../../../storage/index.ts'
import { Census } from '../../../../timewheel/census/census.ts'
import type { ListOptions } from '../../../../timewheel/index.ts'
import type { GroupRig } from '../group-rig.ts'

export async function explainerOf(rig: GroupRig): Promise<Explainer> {
  const { engine, clock, groups } = rig
  const waiting = await rig.delayed()
  const idOf = (topic: string) => engine.topic(topic)?.id ?? 0
  const census = new Census()
  for (const { topic, dueAtMs } of waiting) census.add(dueAtMs, idOf(topic), 0)
  const list = async ({ topicId }: ListOptions) => {
    const messages = waiting.filter(({ topic }) => idOf(topic) === topicId).map((message) => ({ ...message, id: '' }))
    return { messages, after: undefined }
  }
  return new Explainer({
    engine,
    clock,
    groups,
    wheel: { census, list },
    hand: { nowMs: () => rig.handMs(), why: () => undefined },
    topics: { describe: (topic) => engine.topic(topic) as TopicDescription },
    delayed: { find: async () => undefined },
    rememberMs: 600_000,
  })
}
