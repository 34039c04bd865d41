// What the dashboards ask, in the words of PromQL; always of the chosen jobs and instances.

const CHOSEN = 'job=~"$job",instance=~"$instance"'

/** Sum over instances; by these labels. */
export function sum(metric: string, by?: string): string {
  return `sum${byOf(by)}(${metric}{${CHOSEN}})`
}

/** So many a second. */
export function rate(metric: string, by?: string): string {
  return `sum${byOf(by)}(rate(${metric}{${CHOSEN}}[$__rate_interval]))`
}

/** The value that the share `of` of all values of a histogram does not exceed; within `over`, where values are few. */
export function quantile(of: number, histogram: string, { where = '', over = '$__rate_interval' } = {}): string {
  const labels = where === '' ? CHOSEN : `${CHOSEN},${where}`
  return `histogram_quantile(${of}, sum by (le) (rate(${histogram}_bucket{${labels}}[${over}])))`
}

/** So many within `over`; not a whole number, since it is reckoned from scrapes. */
export function increase(metric: string, over: string): string {
  return `sum(increase(${metric}{${CHOSEN}}[${over}]))`
}

/** The worst instance. */
export function worst(metric: string): string {
  return `max by (instance) (${metric}{${CHOSEN}})`
}

/** Mean of a histogram. */
export function mean(histogram: string): string {
  const of = (part: string) => `sum(rate(${histogram}_${part}{${CHOSEN}}[$__rate_interval]))`
  return `${of('sum')} / ${of('count')}`
}

function byOf(by: string | undefined): string {
  return by === undefined ? '' : ` by (${by}) `
}
