// What a start begins with, before anything is open. Every layer stands on it.

import type { Clock, Disk, Log, Random } from '../../storage/index.ts'
import { tallyDamage } from '../damage-tally.ts'
import { Metrics, type MetricsOptions } from '../metrics/metrics.ts'
import type { Settings } from '../settings.ts'
import { Readiness } from '../start/readiness.ts'
import { Startup } from '../start/startup.ts'
import { Opened } from './opened.ts'

export interface BrokerOptions {
  settings: Settings
  disk: Disk
  clock: Clock
  random: Random
  log: Log
  /** How long slot files are left alone before they are synced; as long as the system takes to write them, when absent. */
  slotsSettledMs?: number
  /** What is known of the process, where it is one of its own: for the metrics. */
  process?: MetricsOptions['process']
  /** Aborted when a start is not wanted any more: it ends before its next step, with ENGINE_CLOSED. */
  unwanted?: AbortSignal
  /** Called once when nothing can be answered with success any more: the process must end. */
  onFailure: (error: unknown) => void
}

export interface Beginning extends BrokerOptions {
  /** How often damage was found, by its code. */
  damage: Readonly<Record<string, number>>
  readiness: Readiness
  startup: Startup
  metrics: Metrics
  opened: Opened
  /** Aborts when the service stops: whoever waits then gets an answer. */
  stopping: AbortSignal
}

export function begin(options: BrokerOptions, stopping: AbortSignal): Beginning {
  const { settings, clock, unwanted } = options
  const { log, found } = tallyDamage(options.log)
  const readiness = new Readiness()
  unwanted?.addEventListener('abort', () => readiness.stop(), { once: true })
  return {
    ...options,
    log,
    damage: found,
    readiness,
    startup: new Startup({ clock, readiness, unwanted }),
    metrics: new Metrics({ namesMax: settings.METRICS_TOPICS_MAX, process: options.process }),
    opened: new Opened(log),
    stopping,
  }
}
