// Runs every query of the dashboards, and the alerts, against a real Prometheus that scrapes a real Dwell under a load of all kinds:
//
//   node test/helm/queries-check.ts [SECONDS]
//
// It prints each query with its result, and ends with 1 when a panel would be empty, an alert cannot be evaluated, or promtool finds
// something to mend in what is scraped; with 0 and a reason where there is no prometheus.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DwellProcess } from '../support/dwell-process.ts'
import { CHART, findTool, run } from './chart.ts'
import { DASHBOARDS, type Panel } from './dashboards.ts'
import { Prometheus, type Sample } from './prometheus.ts'

const SECONDS = Number(process.argv[2] ?? 30)
/** Between two rounds of the load: it is to be seen, not to be felt. */
const PAUSE_MS = 250

const folder = mkdtempSync(join(tmpdir(), 'dwell-queries-'))
const prometheusPath = findTool('prometheus')
if (prometheusPath === undefined) process.stdout.write('Left out: without prometheus; test/helm/tools brings it.\n')
else await check(prometheusPath)
rmSync(folder, { recursive: true, force: true })

async function check(path: string): Promise<void> {
  const endpoint = createServer((request, response) => request.resume().on('end', () => response.end()))
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
  const dwell = await DwellProcess.start({
    dataDirectory: join(folder, 'data'),
    logPath: join(folder, 'dwell.log'),
    settings: { DWELL_CANARY_INTERVAL: '1s', DWELL_PUSH_ALLOWED_HOSTS: '127.0.0.1', DWELL_DISK_LOW_BYTES: '0' },
  })
  const prometheus = await Prometheus.start(path, folder, dwell.port, join(CHART, 'alerts.yaml'))
  try {
    await load(`http://127.0.0.1:${dwell.port}`, (endpoint.address() as AddressInfo).port)
    const wrong = [
      ...(await emptyPanels(prometheus)),
      ...(await brokenRules(prometheus)),
      ...(await misnamed(`http://127.0.0.1:${dwell.port}`)),
    ]
    if (wrong.length === 0) return
    process.stdout.write(`\nEmpty or broken: ${wrong.join(', ')}\n`)
    process.exitCode = 1
  } finally {
    prometheus.kill()
    dwell.kill()
    endpoint.close()
    endpoint.closeAllConnections()
  }
}

/** Something of all that there is: messages of all kinds, all acknowledgements, retries, deaths, pushes, mistakes. */
async function load(url: string, endpointPort: number): Promise<void> {
  const call = async (method: string, path: string, body?: unknown) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(`${url}${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    return response.json().catch(() => undefined)
  }
  const group = '/v1/topics/orders/groups/billing'
  await call('POST', '/v1/topics/orders/messages', { value: 0 })
  await call('PUT', group, { retry: ['1s', '1h'] })
  await call('POST', '/v1/topics/pushed/messages', { value: 0 })
  await call('PUT', '/v1/topics/pushed/groups/push', { push: { url: `http://127.0.0.1:${endpointPort}/` } })
  const untilMs = performance.now() + SECONDS * 1000
  for (let round = 0; performance.now() < untilMs; round++) {
    const messages = Array.from({ length: 8 }, (_, value) => ({
      value,
      delay: value < 4 ? 0 : value < 7 ? '1s' : '1h',
    }))
    await call('POST', '/v1/topics/orders/messages', { messages })
    await call('POST', '/v1/topics/pushed/messages?acks=1', { value: round })
    await call('POST', '/v1/topics/orders/messages', { value: 1, id: `order-${round}`, delay: '2h' })
    await call('PATCH', `/v1/topics/orders/delayed/order-${round}`, { delay: '3h' })
    await call('DELETE', `/v1/topics/orders/delayed/order-${round}`)
    await call('POST', '/v1/topics/orders/messages', { wrong: 1 })
    const { records } = (await call('POST', `${group}/acquire`, { max: 6 })) as { records: { receipt: string }[] }
    const types = ['accept', 'release', 'reject', 'renew', 'accept', 'accept']
    const acknowledgements = records.map(({ receipt }, i) => ({ receipt, type: types[i] }))
    if (records.length > 0) await call('POST', `${group}/acknowledge`, { acknowledgements })
    await sleep(PAUSE_MS)
  }
}

async function emptyPanels(prometheus: Prometheus): Promise<string[]> {
  const empty: string[] = []
  for (const { title, rows } of DASHBOARDS) {
    for (const panel of Object.values<Panel[]>(rows).flat()) {
      process.stdout.write(`\n${title} / ${panel.title}\n`)
      let values = 0
      for (const [legend, query] of Object.entries(panel.queries)) {
        const samples = await ask(prometheus, query)
        process.stdout.write(`  ${query}\n${samples.map((sample) => `    ${shown(legend, sample)}\n`).join('')}`)
        values += samples.filter(({ value }) => value[1] !== 'NaN').length
      }
      if (values === 0) empty.push(`${title} / ${panel.title}`)
    }
  }
  return empty
}

function ask(prometheus: Prometheus, query: string): Promise<Sample[]> {
  return prometheus.ask(
    query.replaceAll('$job', '.*').replaceAll('$instance', '.*').replaceAll('$__rate_interval', '10s'),
  )
}

function shown(legend: string, { metric, value }: Sample): string {
  return `${legend.replace(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? '')}: ${value[1]}`
}

async function brokenRules(prometheus: Prometheus): Promise<string[]> {
  const rules = await prometheus.rules()
  process.stdout.write(
    `\nAlerts\n${rules.map(({ name, health, state }) => `  ${name}: ${health}, ${state}\n`).join('')}`,
  )
  return rules.filter(({ health }) => health !== 'ok').map(({ name, lastError }) => `${name} (${lastError})`)
}

/** What is scraped, as promtool sees it. */
async function misnamed(url: string): Promise<string[]> {
  const wrong: string[] = []
  for (const path of ['/metrics', '/metrics/detailed?topic=orders', '/metrics/detailed?topic=orders&group=billing']) {
    const text = await (await fetch(`${url}${path}`)).text()
    const { status, stdout, stderr } = run('promtool', ['check', 'metrics'], text)
    const isFine = status === 0 && stdout === '' && stderr === ''
    process.stdout.write(`\npromtool check metrics, ${path}, ${text.length} bytes: ${isFine ? 'nothing' : stderr}\n`)
    if (!isFine) wrong.push(path)
  }
  return wrong
}
