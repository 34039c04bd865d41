import { Registry } from 'prom-client'
import t from 'tap'
import { CountedHistogram } from '../../../service/metrics/counted-histogram.ts'

t.test('a histogram reads as Prometheus expects it, and takes a million values as quickly as one', async (t) => {
  const registry = new Registry()
  const histogram = new CountedHistogram('lateness_seconds', 'How late.', [0.5, 1])
  registry.registerMetric(histogram as never)
  histogram.observe(0.25, 1_000_000)
  histogram.observe(0.5, 1)
  histogram.observe(0.75, 2)
  histogram.observe(8, 3)
  t.equal(
    await registry.metrics(),
    [
      '# HELP lateness_seconds How late.',
      '# TYPE lateness_seconds histogram',
      'lateness_seconds_bucket{le="0.5"} 1000001',
      'lateness_seconds_bucket{le="1"} 1000003',
      'lateness_seconds_bucket{le="+Inf"} 1000006',
      'lateness_seconds_sum 250026',
      'lateness_seconds_count 1000006',
      '',
    ].join('\n'),
  )
})
