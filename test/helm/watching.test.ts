// The dashboards and the alerts ask for metrics that there are, are what their tools take, and each alert is tested and says what
// to do. Whether their queries answer anything is for queries-check.ts.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import { parse } from 'yaml'
import { allMetrics } from '../support/metrics-page.ts'
import { CHART, needs, run } from './chart.ts'
import { DASHBOARDS, grafanaJson, type Panel } from './dashboards.ts'

const ALERTS = join(CHART, 'alerts.yaml')
const ALERT_TESTS = join(import.meta.dirname, 'alerts.test.yaml')
const read = (path: string) => readFileSync(path, 'utf8')
const rules: { alert: string; expr: string; annotations: { runbook: string } }[] = parse(read(ALERTS)).groups[0].rules

interface AlertCase {
  alertname: string
  exp_alerts: unknown[]
}

/** All that a query may name: each metric, and the parts of histograms. */
const KNOWN = new Set(
  allMetrics().flatMap(({ name, type }) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name + part) : [name],
  ),
)
const OF_PROMETHEUS = new Set(['up'])

function metricsIn(query: string): string[] {
  const words = query.replace(/\{[^}]*\}/g, '').matchAll(/\b(dwell_\w+|nodejs_\w+|process_\w+|up)\b/g)
  return [...words].map(([word]) => word)
}

const panels = DASHBOARDS.flatMap(({ title, rows }) =>
  Object.values<Panel[]>(rows).flatMap((row) => row.map((panel) => ({ of: `${title} / ${panel.title}`, panel }))),
)

t.test('every metric that a panel or an alert asks for exists', async (t) => {
  const queries = [
    ...panels.flatMap(({ of, panel }) => Object.values(panel.queries).map((query) => ({ of, query }))),
    ...rules.map(({ alert, expr }) => ({ of: alert, query: expr })),
  ]
  for (const { of, query } of queries) {
    const names = metricsIn(query)
    t.ok(names.length > 0, `${of} asks for something`)
    for (const name of names) t.ok(KNOWN.has(name) || OF_PROMETHEUS.has(name), `${of}: ${name}`)
  }
})

t.test('labels that a query sums by or a legend shows are those of its metric', async (t) => {
  const labels = new Map(allMetrics().map(({ name, labels }) => [name, labels]))
  for (const { of, panel } of panels) {
    for (const [legend, query] of Object.entries(panel.queries)) {
      const by = [...query.matchAll(/ by \(([^)]*)\)/g)].flatMap(([, names]) => names.split(', '))
      const [metric] = metricsIn(query)
      const there = new Set([
        'instance',
        'job',
        'le',
        ...(labels.get(metric.replace(/_(bucket|sum|count)$/, '')) ?? []),
        ...(labels.get(metric) ?? []),
      ])
      for (const label of by) t.ok(there.has(label), `${of}: ${metric} has the label ${label}`)
      for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) t.ok(by.includes(label), `${of}: shows ${label}`)
    }
  }
})

t.test('each panel has a sentence, and no two of a dashboard the same title', async (t) => {
  for (const { of, panel } of panels) t.match(panel.sentence, /^[A-Z].*\.$/s, of)
  for (const { rows } of DASHBOARDS) {
    const titles = Object.values<Panel[]>(rows).flatMap((row) => row.map(({ title }) => title))
    t.equal(new Set(titles).size, titles.length)
  }
})

t.test('the files of the dashboards are these, and Grafana takes them', async (t) => {
  const schema = JSON.parse(read(join(import.meta.dirname, 'grafana-dashboard.schema.json')))
  const takes = new Ajv({ strict: false }).compile(schema)
  for (const dashboard of DASHBOARDS) {
    const path = join(CHART, 'dashboards', `${dashboard.uid.replace('dwell-', '')}.json`)
    t.equal(read(path), `${JSON.stringify(grafanaJson(dashboard), null, 2)}\n`, 'to renew it: node test/helm/renew.ts')
    const stored = JSON.parse(read(path))
    t.ok(takes(stored), `${dashboard.title}: ${JSON.stringify(takes.errors)}`)
    t.notOk(takes({ ...stored, panles: [] }), 'what it does not know is seen')
  }
})

t.test('each alert is tested, and says what to do', async (t) => {
  const readme = read(join(CHART, 'README.md'))
  const { tests }: { tests: { alert_rule_test: AlertCase[] }[] } = parse(read(ALERT_TESTS))
  const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test)
  const tested = (fires: boolean) =>
    cases.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname)
  const said = [...readme.matchAll(/^### (Dwell\w+)$/gm)].map(([, name]) => name)
  const names = rules.map(({ alert }) => alert)
  t.same(new Set(tested(true)), new Set(names), 'one test at least in which it fires')
  t.same(new Set(tested(false)), new Set(names), 'one at least in which nothing does')
  t.same(said, names, 'a section each in the README of the chart, in their order')
  for (const { alert, annotations } of rules) {
    t.equal(annotations.runbook, `helm/dwell/README.md#${alert.toLowerCase()}`)
  }
})

t.test('Prometheus takes the alerts, and they fire when they should', needs('promtool'), async (t) => {
  for (const args of [
    ['check', 'rules', ALERTS],
    ['test', 'rules', ALERT_TESTS],
  ]) {
    const { status, stdout, stderr } = run('promtool', args)
    t.equal(status, 0, `${stdout}${stderr}`)
  }
})
