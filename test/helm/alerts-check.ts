// Breaks what alerts watch, in a real Dwell that a real Prometheus scrapes, and sees them fire:
//
//   node test/helm/alerts-check.ts [NAME…]
//
// Time is cut short: whatever looks back looks back WINDOW_SECONDS, what looks ahead is shortened as much as that, and each alert
// waits FOR_SECONDS before it fires. Each begins with a Dwell of its own, on which no alert fires. What cannot be broken here, and all
// of it where there is no prometheus, is left out with a reason; it ends with 1 when an alert did not fire.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { BREAKS, type Break } from './alert-breaks.ts'
import { Patient } from './alert-patient.ts'
import { CHART, findTool } from './chart.ts'
import { Prometheus } from './prometheus.ts'

const WINDOW_SECONDS = 60
const FOR_SECONDS = 3
const FIRES_WITHIN_MS = 90_000
/** A start fills files ahead of their use: until then the disk seems to fill. */
const WELL_WITHIN_MS = 120_000
const LOOK_MS = 250

const SECONDS: Record<string, number> = { m: 60, h: 3600, d: 86_400 }

/** The alerts in a hurry. */
function shortened(): string {
  const { groups } = parse(readFileSync(join(CHART, 'alerts.yaml'), 'utf8')) as {
    groups: { rules: { expr: string; for?: string }[] }[]
  }
  for (const rule of groups.flatMap(({ rules }) => rules)) {
    rule.expr = rule.expr
      .replace(/\[(\d+)([mhd])\], (\d+) \* (\d+)/g, (_, count, unit, times, seconds) => {
        const share = WINDOW_SECONDS / (count * SECONDS[unit])
        return `[${WINDOW_SECONDS}s], ${times * seconds * share}`
      })
      .replace(/\[\d+[mhd]\]/g, `[${WINDOW_SECONDS}s]`)
    if (rule.for !== undefined) rule.for = `${FOR_SECONDS}s`
  }
  return JSON.stringify({ groups })
}

const nameOf = ({ name }: { name: string }) => name

async function firing(prometheus: Prometheus): Promise<string[]> {
  return (await prometheus.rules()).filter(({ state }) => state === 'firing').map(nameOf)
}

/** Scraped twice, and nothing fires or is about to. */
async function isWell(prometheus: Prometheus): Promise<boolean> {
  const samples = await prometheus.ask('count_over_time(dwell_ready[1m]) >= 2').catch(() => [])
  return samples.length > 0 && (await prometheus.rules()).every(({ state }) => state === 'inactive')
}

/** How long it took until the alert fired; undefined when it did not. */
async function see(path: string, name: string, { prepare, breaks }: Break): Promise<number | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'dwell-alerts-'))
  const rulesPath = join(folder, 'alerts.yaml')
  writeFileSync(rulesPath, shortened())
  const patient = new Patient(folder)
  let prometheus: Prometheus | undefined
  try {
    prepare?.(patient)
    await patient.start()
    prometheus = await Prometheus.start(path, folder, patient.port, rulesPath)
    const startedMs = performance.now()
    while (!(await isWell(prometheus))) {
      if (performance.now() - startedMs > WELL_WITHIN_MS)
        throw new Error(`Not well: ${await firing(prometheus)} fires.`)
      await sleep(LOOK_MS)
    }
    const brokenMs = performance.now()
    await breaks(patient)
    while (performance.now() - brokenMs < FIRES_WITHIN_MS) {
      if ((await firing(prometheus)).includes(name)) return performance.now() - brokenMs
      await sleep(LOOK_MS)
    }
    return undefined
  } finally {
    prometheus?.kill()
    await patient.bury()
    rmSync(folder, { recursive: true, force: true })
  }
}

const path = findTool('prometheus')
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BREAKS)
if (path === undefined) process.stdout.write('Left out: without prometheus; test/helm/tools brings it.\n')
else {
  for (const name of wanted) {
    const reason = BREAKS[name].without?.()
    if (reason !== undefined) {
      process.stdout.write(`ok - ${name} # skip ${reason}\n`)
      continue
    }
    const tookMs = await see(path, name, BREAKS[name])
    if (tookMs === undefined) process.exitCode = 1
    const outcome = tookMs === undefined ? 'did not fire' : `fired after ${(tookMs / 1000).toFixed(1)} s`
    process.stdout.write(`${tookMs === undefined ? 'not ok' : 'ok'} - ${name} ${outcome}: ${BREAKS[name].how}\n`)
  }
}
