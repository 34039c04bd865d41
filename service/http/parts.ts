// What the routes need of the broker.

import type { DwellError, Log, LogEngine } from '../../storage/index.ts'
import type { Census, ClockState, ListedPage, ListOptions } from '../../timewheel/index.ts'
import type { Access } from '../access/access.ts'
import type { Explainer } from '../delivery/explain/explain.ts'
import type { Groups } from '../delivery/index.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { DelayedMessages } from '../publish/delayed.ts'
import type { Publisher } from '../publish/publish.ts'
import type { AllowedHosts } from '../push/allowed-hosts.ts'
import type { PendingQuotas } from '../quotas/pending-quotas.ts'
import type { Quotas } from '../quotas/quotas.ts'
import type { Settings } from '../settings.ts'
import type { Readiness } from '../start/readiness.ts'
import type { TestClock } from '../test-clock.ts'
import type { Topics } from '../topics.ts'
import type { Tracing } from '../tracing/tracing.ts'
import type { ArrivingBytes } from './arriving-bytes.ts'
import type { ServedHosts } from './served-hosts.ts'
import type { SlowBodies } from './slow-bodies.ts'

export interface HttpParts {
  settings: Settings
  /** Who has to say who he is, and how. */
  access: Pick<Access, 'authenticator'>
  /** Which names requests may name. */
  hosts: ServedHosts
  readiness: Pick<Readiness, 'whyNot'>
  log: Log
  engine: LogEngine
  topics: Topics
  publisher: Publisher
  /** How much there may be of what is made. */
  quotas: Quotas
  /** How much may wait to become due. */
  pendingQuotas: PendingQuotas
  /** What arrives in all requests together. */
  arriving: ArrivingBytes
  /** Cuts off what arrives too slowly. */
  slow: SlowBodies
  delayed: DelayedMessages
  groups: Groups
  explainer: Explainer
  /** Where groups may push to. */
  pushHosts: AllowedHosts
  metrics: Metrics
  /** Only where somebody collects traces. */
  tracing: Tracing | undefined
  /** The hand's wall time: what due times are reckoned from; and how it stands to the wall clock. */
  hand: { nowMs(): number; pastMs(): number; state(): ClockState; why(): string | undefined }
  wheel: {
    /** How many messages wait, by due time and topic. */
    readonly census: Census
    list(options: ListOptions): Promise<ListedPage>
    untilDispatched(timeMs: number): Promise<void>
  }
  /** Only in a directory for tests. */
  testClock: TestClock | undefined
  /** Whether publishing is refused for want of room, and why. */
  space: { readonly low: boolean; refusal(): DwellError; admit(): void }
  /** The id of the data directory, which every copy of it carries too. */
  clusterId: string
  /** Aborts when the service stops: whoever waits then gets an answer. */
  stopping: AbortSignal
}
