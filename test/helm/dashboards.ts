// The dashboards of the chart, panel by panel: each has a sentence, a unit and what it asks of Prometheus. They become Grafana's
// JSON in helm/dwell/dashboards.

import { operators } from './dashboard-operators.ts'
import { users } from './dashboard-users.ts'

export interface Panel {
  title: string
  sentence: string
  /** As Grafana names it. */
  unit: string
  /** A query by its legend. */
  queries: Record<string, string>
  kind?: 'timeseries' | 'stat'
  /** Where the axis ends, if it has a natural end. */
  max?: number
  /** From here on the number is alarming: red in a stat, a line in a graph. */
  alarming?: number
  /** Of the numbers that are shown; as many as they need when absent. */
  decimals?: number
  /** A stat whose alarming numbers are the small ones. */
  small?: true
}

export interface Dashboard {
  uid: string
  title: string
  sentence: string
  rows: Record<string, Panel[]>
}

export const DASHBOARDS: readonly Dashboard[] = [users, operators]

const COLUMNS = 24
const STAT = { w: 4, h: 4 }
const GRAPH = { w: 8, h: 8 }

/** As Grafana takes it. */
export function grafanaJson({ uid, title, sentence, rows }: Dashboard): object {
  const panels: object[] = []
  let y = 0
  for (const [row, inRow] of Object.entries(rows)) {
    panels.push({
      type: 'row',
      id: panels.length + 1,
      title: row,
      collapsed: false,
      panels: [],
      gridPos: { h: 1, w: COLUMNS, x: 0, y },
    })
    y++
    let x = 0
    for (const panel of inRow) {
      const { w, h } = panel.kind === 'stat' ? STAT : GRAPH
      if (x + w > COLUMNS) {
        x = 0
        y += h
      }
      panels.push({ id: panels.length + 1, gridPos: { h, w, x, y }, ...panelJson(panel) })
      x += w
    }
    y += inRow.at(-1)?.kind === 'stat' ? STAT.h : GRAPH.h
  }
  return {
    uid,
    title,
    description: sentence,
    tags: ['dwell'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    time: { from: 'now-1h', to: 'now' },
    refresh: '30s',
    timezone: '',
    templating: { list: [SOURCE, variable('job', 'dwell_ready'), variable('instance', 'dwell_ready{job=~"$job"}')] },
    panels,
  }
}

const DATASOURCE = { type: 'prometheus', uid: '$' + '{datasource}' }
const SOURCE = { name: 'datasource', label: 'Source', type: 'datasource', query: 'prometheus', hide: 0 }

function variable(name: string, of: string) {
  return {
    name,
    label: name === 'job' ? 'Job' : 'Instance',
    type: 'query',
    datasource: DATASOURCE,
    query: { qryType: 1, query: `label_values(${of},${name})`, refId: 'A' },
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: '.*',
    current: { text: ['All'], value: ['$__all'] },
    hide: 0,
  }
}

function panelJson({ title, sentence, unit, queries, kind = 'timeseries', max, alarming, decimals, small }: Panel) {
  const targets = Object.entries(queries).map(([legendFormat, expr], i) => ({
    refId: String.fromCharCode(65 + i),
    datasource: DATASOURCE,
    expr,
    legendFormat,
    range: kind === 'timeseries',
    instant: kind === 'stat',
  }))
  const [below, above] = small ? ['red', 'green'] : ['green', 'red']
  const steps = [
    { color: alarming === undefined ? 'green' : below, value: null },
    ...(alarming === undefined ? [] : [{ color: above, value: alarming }]),
  ]
  const isGraph = kind === 'timeseries'
  const lines = { lineWidth: 1, fillOpacity: 10, showPoints: 'never', spanNulls: false }
  const line = alarming === undefined ? {} : { thresholdsStyle: { mode: 'dashed' } }
  return {
    type: kind,
    title,
    description: sentence,
    datasource: DATASOURCE,
    targets,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(max === undefined ? {} : { max }),
        ...(decimals === undefined ? {} : { decimals }),
        color: { mode: isGraph ? 'palette-classic' : 'thresholds' },
        thresholds: { mode: 'absolute', steps },
        custom: isGraph ? { ...lines, ...line } : {},
      },
      overrides: [],
    },
    options: isGraph
      ? {
          legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
          tooltip: { mode: 'multi', sort: 'desc' },
        }
      : {
          reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
          colorMode: 'background',
          graphMode: 'none',
        },
  }
}
