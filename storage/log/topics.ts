// The topics there are, and their partitions: what `__topics` says, in memory.
//
// Always true:
//   1. A topic is here only when its record is durable, and no longer than that.
//   2. A partition that was never written to costs this object and no file.

import type { TopicDescription } from '../engine.ts'
import type { Partition } from './partition.ts'

export interface Topic {
  description: TopicDescription
  partitions: Partition[]
}

export class Topics {
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<number, Topic>()

  get(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  /** The partition of a topic by its id; undefined when the topic was deleted. */
  partition(topicId: number, index: number): Partition | undefined {
    return this.#byId.get(topicId)?.partitions[index]
  }

  set(topic: Topic): void {
    this.#byName.set(topic.description.name, topic)
    this.#byId.set(topic.description.id, topic)
  }

  delete(topic: Topic): void {
    this.#byName.delete(topic.description.name)
    this.#byId.delete(topic.description.id)
  }

  all(): Iterable<Topic> {
    return this.#byName.values()
  }

  *partitions(): Iterable<Partition> {
    for (const { partitions } of this.#byName.values()) yield* partitions
  }
}
