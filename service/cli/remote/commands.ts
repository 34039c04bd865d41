// All commands that ask a running service, by the folder's files.

import type { Command } from 'commander'
import { addBench } from './bench.ts'
import { addCheck } from './check.ts'
import { addCompletion } from './completion.ts'
import { addConsume } from './consume.ts'
import { addContext } from './context.ts'
import { addDeadLetters } from './dead-letters.ts'
import { addDelayed } from './delayed.ts'
import { addDoctor } from './doctor.ts'
import { addExplain } from './explain.ts'
import { addGroups } from './groups.ts'
import { addListen } from './listen.ts'
import { addPublish } from './publish.ts'
import { addTopics } from './topics.ts'

/** Adds them to `program`. */
export function addRemotes(program: Command, environment: NodeJS.ProcessEnv): void {
  addPublish(program, environment)
  addConsume(program, environment)
  addTopics(program, environment)
  addDelayed(program, environment)
  addGroups(program, environment)
  addDeadLetters(program, environment)
  addExplain(program, environment)
  addListen(program, environment)
  addCheck(program, environment)
  addDoctor(program, environment)
  addBench(program, environment)
  addContext(program, environment)
  addCompletion(program, environment)
}
