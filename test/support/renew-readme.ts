// Writes the table of settings into the README and that of the metrics into its page: node test/support/renew-readme.ts

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { settingsTable } from '../../service/config.ts'
import { METRICS_PAGE, renewedMetricsPage } from './metrics-page.ts'

const path = join(import.meta.dirname, '..', '..', 'README.md')
const before = readFileSync(path, 'utf8')
writeFileSync(
  path,
  before.replace(/(<!-- settings:.*-->\n)[\s\S]*?(<!-- \/settings -->)/, `$1\n${settingsTable()}\n$2`),
)
writeFileSync(METRICS_PAGE, renewedMetricsPage())
process.exit()
