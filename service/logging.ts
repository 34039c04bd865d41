// The log of the service: a JSON line each, on standard output, written at once so that the last words are not lost.
// Bodies, values and keys of messages never stand in it.

import { pino } from 'pino'
import type { Log } from '../storage/index.ts'

export interface ServiceLog extends Log {
  fatal: Log['error']
}

export function makeLog(level: string): ServiceLog {
  const options = {
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(options, pino.destination({ dest: 1, sync: true }))
}
