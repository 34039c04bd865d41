// Figures out of Prometheus' text form, as `GET /metrics` answers it.

/** The value of a metric without labels; undefined when it is not there. */
export function metricOf(text: string, name: string): number | undefined {
  const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)
  const value = found === null ? Number.NaN : Number(found[1])
  return Number.isNaN(value) ? undefined : value
}
