// Counts the damage that is found in files. Each part tells the log of it, with the code that says what is damaged: here those
// lines are counted, whatever the level of the log.
//
// Always true: what is counted stands in the log with its place, and what a warning or an error says so is counted. Damage that
// ends the service is its last line, behind which nobody counts.
//
// After a crash: it begins at 0. What a start finds damaged counts then; the next start finds it again if it is still there.

import type { Log } from '../storage/index.ts'
import { DAMAGES } from './errors.ts'

export interface DamageTally {
  /** Says what the given one says. */
  log: Log
  /** How often each was told of; 0 stands there too. */
  found: Readonly<Record<string, number>>
}

/** A log that counts the damage it is told of, from 0. */
export function tallyDamage(log: Log): DamageTally {
  const found: Record<string, number> = Object.fromEntries(DAMAGES.map((code) => [code, 0]))
  const counting =
    (level: 'warn' | 'error'): Log['error'] =>
    (fields, sentence) => {
      const { code } = fields
      if (typeof code === 'string' && Object.hasOwn(found, code)) found[code]++
      log[level](fields, sentence)
    }
  return {
    log: {
      debug: (fields, sentence) => log.debug(fields, sentence),
      info: (fields, sentence) => log.info(fields, sentence),
      warn: counting('warn'),
      error: counting('error'),
    },
    found,
  }
}
