// What Prometheus' clients tell of every process: CPU, memory, garbage collection, descriptors, and the delay of the event loop
// (its gauges are those since the last look).

import { collectDefaultMetrics, Registry } from 'prom-client'

/** Their names break Prometheus' rules: `_total` is for what only grows. */
const MISNAMED = ['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total']

/** Begins to watch this process; once, since it goes on until the process ends. */
export function watchProcess(): Registry {
  const register = new Registry()
  collectDefaultMetrics({ register })
  for (const name of MISNAMED) register.removeSingleMetric(name)
  return register
}
