// Judges a history that lies in a file, and ends with 1 when something in it cannot be true:
//
//   node test/checker/run.ts history.jsonl [--late ms] [--settle ms]
//
// It reads line by line: a million messages take less than two minutes and 2 GB.

import { parseArgs } from 'node:util'
import { ANOMALIES, type Anomaly } from './findings.ts'
import { readHistory } from './history.ts'
import { HistoryChecker } from './history-checker.ts'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { late: { type: 'string', default: '10000' }, settle: { type: 'string', default: '30000' } },
})

const beganMs = performance.now()
const checker = new HistoryChecker({ lateMsMax: Number(flags.late), settleMs: Number(flags.settle) })
let events = 0
for (const event of readHistory(positionals[0])) {
  checker.take(event)
  events++
}
const violations = checker.finish()
for (const [name, count] of Object.entries(checker.counts)) console.log(`  ${name.padEnd(44)} ${count}`)
for (const [anomaly, all] of Map.groupBy(violations, ({ anomaly }) => anomaly)) {
  console.log(`\nVIOLATION ${ANOMALIES[anomaly as Anomaly]}, ${anomaly}: ${all.length}`)
  for (const { what } of all.slice(0, 5)) console.log(`  ${what}`)
}
const tookSeconds = ((performance.now() - beganMs) / 1000).toFixed(1)
const memoryMb = Math.round(process.resourceUsage().maxRSS / 1024)
console.log(`\n${events} events judged in ${tookSeconds} s, at most ${memoryMb} MB of memory`)
console.log(violations.length === 0 ? 'no violation' : `${violations.length} violations`)
process.exitCode = violations.length === 0 ? 0 : 1
