// The topics as users see them: none of our own, with default settings where nothing is said, created when published to.

import {
  type Cleanup,
  DwellError,
  type LogEngine,
  type TopicDescription,
  type TopicSettings,
} from '../storage/index.ts'
import { checkNewName, isInternal } from './names.ts'

export interface TopicsOptions {
  engine: LogEngine
  defaultPartitions: number
  autoCreate: boolean
  /** The group that has a topic as a lane or for its dead letters. */
  ownerOf(name: string): { topic: string; group: string } | undefined
  /** Throws while there is no room to publish. */
  space: { admit(): void }
}

/** What a user says about a topic; null takes a limit away. */
export interface TopicChange {
  partitions?: number
  retentionMs?: number | null
  retentionBytes?: number | null
  cleanup?: Cleanup
}

export class Topics {
  readonly #engine: LogEngine
  readonly #defaultPartitions: number
  readonly #autoCreate: boolean
  readonly #ownerOf: TopicsOptions['ownerOf']
  readonly #space: TopicsOptions['space']

  constructor({ engine, defaultPartitions, autoCreate, ownerOf, space }: TopicsOptions) {
    this.#engine = engine
    this.#defaultPartitions = defaultPartitions
    this.#autoCreate = autoCreate
    this.#ownerOf = ownerOf
    this.#space = space
  }

  /** @throws TOPIC_NOT_FOUND */
  describe(name: string): TopicDescription {
    const topic = this.find(name)
    if (topic === undefined) throw notFound(name)
    return topic
  }

  find(name: string): TopicDescription | undefined {
    return isInternal(name) ? undefined : this.#engine.topic(name)
  }

  /** By name. */
  list(): TopicDescription[] {
    return [...this.#engine.topics()].filter(({ name }) => !isInternal(name)).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Whether a topic is a lane or for the dead letters of a group. */
  isOwned(name: string): boolean {
    return this.#ownerOf(name) !== undefined
  }

  /**
   * A lane or a dead-letter topic is written to, changed and deleted by its group only: whatever else happened to it
   * would lose records that wait there, or put some there that never failed.
   * @throws TOPIC_OWNED_BY_GROUP
   */
  checkNotOwned(name: string): void {
    const owner = this.#ownerOf(name)
    if (owner === undefined) return
    const { topic, group } = owner
    throw new DwellError(
      'TOPIC_OWNED_BY_GROUP',
      `The topic ${name} belongs to group ${group} of topic ${topic}, which alone writes to it. ` +
        `Publish to ${topic} instead; to change or delete ${name}, delete the group first.`,
      { topic, group },
    )
  }

  /**
   * How many partitions a topic has, or would have if it were created now.
   * @throws TOPIC_NOT_FOUND when it would not be, INVALID_NAME when it could not be
   */
  partitionsOf(name: string): number {
    const topic = this.find(name)
    if (topic !== undefined) return topic.partitions
    if (!this.#autoCreate) throw notFound(name)
    checkNewName(name, 'topic')
    return this.#defaultPartitions
  }

  /** Creates a topic that is published to and does not exist. @throws TOPIC_NOT_FOUND */
  async ensure(name: string): Promise<TopicDescription> {
    const topic = this.find(name)
    if (topic !== undefined) return topic
    const settings = { partitions: this.partitionsOf(name), cleanup: 'delete' } as const
    return (await this.#create(checkNewName(name, 'topic'), settings)).topic
  }

  /**
   * Creates a topic, or changes what is said of it. On a disk that is nearly full none is created, but a change, which
   * may make room, is made.
   * @throws PARTITIONS_CANNOT_SHRINK, INVALID_NAME, TOPIC_OWNED_BY_GROUP, DISK_LOW
   */
  async put(name: string, change: TopicChange): Promise<{ created: boolean; topic: TopicDescription }> {
    this.checkNotOwned(name)
    const before = this.find(name)
    const settings: TopicSettings = {
      partitions: change.partitions ?? before?.partitions ?? this.#defaultPartitions,
      retentionMs: changed(change.retentionMs, before?.retentionMs),
      retentionBytes: changed(change.retentionBytes, before?.retentionBytes),
      cleanup: change.cleanup ?? before?.cleanup ?? 'delete',
    }
    if (before === undefined) {
      this.#space.admit()
      const made = await this.#create(checkNewName(name, 'topic'), settings)
      // Somebody else made it meanwhile: what is wanted here is a change of that.
      return made.created ? made : this.put(name, change)
    }
    if (settings.partitions < before.partitions) {
      throw new DwellError(
        'PARTITIONS_CANNOT_SHRINK',
        `The topic ${name} has ${before.partitions} partitions; they can become more, not fewer.`,
        { field: 'partitions', limit: before.partitions },
      )
    }
    return { created: false, topic: await this.#engine.alterTopic(name, settings) }
  }

  /** @throws TOPIC_NOT_FOUND, TOPIC_OWNED_BY_GROUP */
  async delete(name: string): Promise<void> {
    this.describe(name)
    this.checkNotOwned(name)
    await this.#engine.deleteTopic(name)
  }

  /** `created` is false when another request, that found it missing as well, was first. */
  async #create(name: string, settings: TopicSettings): Promise<{ created: boolean; topic: TopicDescription }> {
    try {
      return { created: true, topic: await this.#engine.createTopic(name, settings) }
    } catch (error) {
      const topic = this.find(name)
      if (topic !== undefined && error instanceof DwellError && error.code === 'TOPIC_EXISTS') {
        return { created: false, topic }
      }
      throw error
    }
  }
}

function changed(given: number | null | undefined, before: number | undefined): number | undefined {
  return given === undefined ? before : (given ?? undefined)
}

function notFound(name: string): DwellError {
  return new DwellError('TOPIC_NOT_FOUND', `There is no topic ${name}.`, { topic: name })
}
