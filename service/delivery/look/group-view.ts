// What those may see of a group who only look.

import type { Removed } from '../dead/removed.ts'
import type { Group } from '../group/group.ts'

export interface GroupView {
  group: Group
  /** How many calls wait for records. */
  waiting: number
  /** Which dead letters of a partition were redriven or purged. */
  removed(topicId: number, partition: number): Removed
}
