// What the routes need of the broker.

import type { DwellError, Log, LogEngine } from '../../storage/index.ts'
import type { DelayedMessages } from '../delivery/delayed.ts'
import type { Groups } from '../delivery/groups.ts'
import type { Publisher } from '../delivery/publish.ts'
import type { Metrics } from '../metrics.ts'
import type { Settings } from '../settings.ts'
import type { Topics } from '../topics.ts'

export interface HttpParts {
  settings: Settings
  log: Log
  engine: LogEngine
  topics: Topics
  publisher: Publisher
  delayed: DelayedMessages
  groups: Groups
  metrics: Metrics
  /** The hand's wall time: what due times are reckoned from. */
  hand: { nowMs(): number }
  /** Whether publishing is refused for want of room, and why. */
  space: { readonly low: boolean; refusal(): DwellError; admit(): void }
  /** The id of the data directory, which every copy of it carries too. */
  clusterId: string
  /** Aborts when the service stops: whoever waits then gets an answer. */
  stopping: AbortSignal
}
