// Writes the tables of settings, metrics and faults into their pages: node test/support/renew-tables.ts

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { settingsTable } from '../../service/config.ts'
import { FAULTS_PAGE, renewedFaultsPage } from '../faults/faults-page.ts'
import { METRICS_PAGE, renewedMetricsPage } from './metrics-page.ts'

const path = join(import.meta.dirname, '..', '..', 'docs', 'settings.md')
const before = readFileSync(path, 'utf8')
writeFileSync(
  path,
  before.replace(/(<!-- settings:.*-->\n)[\s\S]*?(<!-- \/settings -->)/, `$1\n${settingsTable()}\n$2`),
)
writeFileSync(METRICS_PAGE, renewedMetricsPage())
writeFileSync(FAULTS_PAGE, renewedFaultsPage())
process.exit()
