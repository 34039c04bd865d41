// All commands that ask a running service, by the folder's files.

import type { Command } from 'commander'
import { addConsume } from './consume.ts'
import { addPublish } from './publish.ts'

/** Adds them to `program`. */
export function addRemotes(program: Command, environment: NodeJS.ProcessEnv): void {
  addPublish(program, environment)
  addConsume(program, environment)
}
