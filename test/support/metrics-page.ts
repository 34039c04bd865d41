// The page of the metrics: a line for each that the program has.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Metrics } from '../../service/metrics/metrics.ts'
import { watchProcess } from '../../service/metrics/process.ts'
import type { MetricSources } from '../../service/metrics/sources.ts'

export const METRICS_PAGE = join(import.meta.dirname, '..', '..', 'service', 'metrics', 'README.md')

/** All metrics of the program; nothing is read. */
export function allMetrics(): ReturnType<Metrics['describe']> {
  const metrics = new Metrics({ namesMax: 0, process: watchProcess() })
  metrics.watch({} as MetricSources)
  return metrics.describe()
}

/** The page as it should be. */
export function renewedMetricsPage(): string {
  const lines = ['| metric | type | |', '| --- | --- | --- |']
  for (const { name, type, labels, help } of allMetrics()) {
    const shown = labels.length > 0 ? `${name}{${labels.join(', ')}}` : name
    lines.push(`| \`${shown}\` | ${type} | ${help} |`)
  }
  const page = readFileSync(METRICS_PAGE, 'utf8')
  return page.replace(/(<!-- metrics:.*-->\n)[\s\S]*?(<!-- \/metrics -->)/, `$1\n${lines.join('\n')}\n\n$2`)
}
