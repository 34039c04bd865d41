// What the rest of the service sees of delivery.

export type { Acknowledgement, AcknowledgeResult, AcknowledgeType } from './acknowledge/acknowledgement.ts'
export type { DelayedAppends } from './acknowledge/copies.ts'
export type { AcquireOptions } from './acquire/acquire.ts'
export type { TakenOver } from './acquire/takeover.ts'
export type { DeadLetter, DeadLetterFilter, DeadLetterPage, DeadReason, RedriveTask } from './dead/dead-letters.ts'
export { DEAD_TOPIC } from './dead/dead-store.ts'
export type { Attempt, AttemptCause, Delivery } from './delivery.ts'
export type { DeathCause } from './failed-record.ts'
export { groupKey } from './group/group-log.ts'
export {
  DEAD_PER_MINUTE_MAX,
  DEFAULT_GROUP_SETTINGS,
  type DeadLetterSettings,
  type GroupSettings,
  IN_FLIGHT_MAX,
  type Pause,
  type PushSettings,
  REASON_LENGTH_MAX,
  RETRY_TIERS_MAX,
} from './group/group-settings.ts'
export { GROUPS_TOPIC } from './group/group-store.ts'
export { type GroupListener, Groups, type GroupsOptions } from './groups.ts'
export type { GroupsStats } from './groups-stats.ts'
export { deadLetterTopic } from './lane.ts'
export type { GroupDescription, GroupPartition } from './look/group-description.ts'
export type { GroupsWaiting } from './look/groups-waiting.ts'
export type { LaneDescription } from './look/lane-description.ts'
