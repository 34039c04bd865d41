// Writes what is generated of the chart: node test/helm/renew.ts
// values.schema.json, the table of values in its README and, where there is helm, the golden renders.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHART, findTool, GOLDEN, RENDERS, render } from './chart.ts'
import { README, renewed } from './readme.ts'
import { schemaText } from './values-schema.ts'

writeFileSync(join(CHART, 'values.schema.json'), schemaText())
writeFileSync(README, renewed(readFileSync(README, 'utf8')))
if (findTool('helm') === undefined) process.stdout.write('The golden renders stay: there is no helm.\n')
else {
  for (const [name, values] of Object.entries(RENDERS)) {
    const { status, stdout, stderr } = render(values)
    if (status !== 0) throw new Error(stderr)
    writeFileSync(join(GOLDEN, `${name}.yaml`), stdout)
  }
}
