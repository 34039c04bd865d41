// `dwell/client`: the client for programs in TypeScript and JavaScript. Nothing but Node is needed.

export { CallError, type ClientCode } from './call-error.ts'
export type { CallOptions } from './calls.ts'
export { type ClientOptions, DwellClient } from './client.ts'
export { Consumer, type ConsumerOptions, type Handler, type Outcome } from './consumer.ts'
export {
  type DeadLetter,
  type DeadLetterFilter,
  DeadLetters,
  type DeathReasons,
  type Redrive,
  Redrives,
  type RedriveWaitOptions,
} from './dead-letters.ts'
export { type DelayedListOptions, type DelayedMessage, DelayedMessages, type DelayedState } from './delayed.ts'
export {
  type Acknowledgement,
  type AcknowledgeResult,
  type Acquired,
  type AcquiredRecord,
  type AcquireOptions,
  type Attempt,
  Group,
  type GroupChange,
  type GroupDescription,
  type GroupPartition,
  type GroupSettings,
  type PushSettings,
  type Scale,
} from './group.ts'
export {
  type Content,
  type Duration,
  type Message,
  type Published,
  type PublishedLater,
  type PublishedNow,
  type Time,
  valueBytes,
} from './message.ts'
export type { Account, Explanation, Forecast, ForecastOptions, MessageName, Readiness } from './operations.ts'
export type { PublishOptions } from './publish.ts'
export { Publisher, type PublisherOptions } from './publisher.ts'
export type { Surroundings } from './surroundings.ts'
export {
  type LogRecord,
  type RecordsOptions,
  type RecordsPage,
  type TopicChange,
  type TopicDescription,
  type TopicPartition,
  type TopicSummary,
  Topics,
} from './topics.ts'
export type { TraceContext, TraceSource } from './trace.ts'
