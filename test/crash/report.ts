// What a crash run prints at its end.

import { NUMBERS, type Violation } from '../checker/findings.ts'
import type { PointCount } from './points.ts'

export function printTable(title: string, rows: readonly (readonly [string, string | number])[]): void {
  console.log(`\n${title}`)
  for (const [name, value] of rows) console.log(`  ${name.padEnd(44)} ${value}`)
}

const MOMENTS = ['before', 'during', 'after'] as const

/** One row for each call, with its moments side by side, and how many of all points killed nobody. */
export function printPoints(counts: readonly PointCount[]): void {
  const calls = Map.groupBy(counts, ({ point }) => point.slice(point.indexOf(' ') + 1))
  const rows = [...calls].sort().map(([call, points]): [string, string] => {
    const columns = MOMENTS.map((moment) => {
      const { passed, died } = points.find(({ point }) => point === `${moment} ${call}`) ?? { passed: 0, died: 0 }
      return `${String(passed).padStart(7)} ${String(died).padStart(4)}`
    })
    return [call, columns.join(' ')]
  })
  printTable(`points: passed, died there${' '.repeat(22)}before        during         after`, rows)
  const spared = counts.filter(({ died }) => died === 0).map(({ point }) => point)
  const died = counts.length - spared.length
  console.log(`\n${died} of ${counts.length} points killed a server${spared.length > 0 ? '; none died at:' : ''}`)
  for (let i = 0; i < spared.length; i += 4) console.log(`  ${spared.slice(i, i + 4).join(', ')}`)
}

export function printViolations(violations: readonly Violation[]): void {
  for (const [anomaly, all] of Map.groupBy(violations, ({ anomaly }) => anomaly)) {
    const number = NUMBERS[anomaly]
    console.log(`\nVIOLATION ${number === undefined ? '' : `${number}, `}${anomaly}: ${all.length}`)
    for (const { what } of all.slice(0, 5)) console.log(`  ${what}`)
  }
}
