// Figures out of Prometheus' text form, as `GET /metrics` answers it.

/** The value of a metric, that of all its labels together; undefined when it is not there. */
export function metricOf(text: string, name: string): number | undefined {
  let sum: number | undefined
  for (const [, value] of text.matchAll(new RegExp(`^${name}(?:\\{[^\\n]*\\})? (\\S+)$`, 'gm'))) {
    if (!Number.isNaN(Number(value))) sum = (sum ?? 0) + Number(value)
  }
  return sum
}
