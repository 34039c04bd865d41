// One step of a repair: said first, done when it is agreed to.

import type { Aside } from './aside.ts'

export interface Action {
  /** What it will do. */
  does: string
  /** What is lost for the service with it, in words; nothing is ever lost from the disk. */
  loses: readonly string[]
  run(aside: Aside): Promise<void>
}
