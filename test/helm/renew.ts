// Writes what is generated of the chart: node test/helm/renew.ts
// values.schema.json, the dashboards, the table of values in its README and, where there is helm, the golden renders.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHART, findTool, GOLDEN, golden, RENDERS, render } from './chart.ts'
import { DASHBOARDS, grafanaJson } from './dashboards.ts'
import { README, renewed } from './readme.ts'
import { schemaText } from './values-schema.ts'

writeFileSync(join(CHART, 'values.schema.json'), schemaText())
mkdirSync(join(CHART, 'dashboards'), { recursive: true })
for (const dashboard of DASHBOARDS) {
  const json = `${JSON.stringify(grafanaJson(dashboard), null, 2)}\n`
  writeFileSync(join(CHART, 'dashboards', `${dashboard.uid.replace('dwell-', '')}.json`), json)
}
writeFileSync(README, renewed(readFileSync(README, 'utf8')))
if (findTool('helm') === undefined) process.stdout.write('The golden renders stay: there is no helm.\n')
else {
  for (const [name, values] of Object.entries(RENDERS)) {
    const { status, stdout, stderr } = render(values)
    if (status !== 0) throw new Error(stderr)
    writeFileSync(join(GOLDEN, `${name}.yaml`), golden(stdout))
  }
}
