// Breaks what alerts watch, in a real Dwell that a real Prometheus scrapes, and sees them fire:
//
//   node test/helm/alerts-check.ts [NAME…]
//
// Time is cut short: an alert fires at once (no `for`), and looks back WINDOW. Each begins with a Dwell of its own on which it does
// not fire. What takes a sick disk or a stepped clock is not broken here; alerts.test.yaml has all of them. Ends with 0 and a reason
// where there is no prometheus.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DwellProcess, freePort } from '../support/dwell-process.ts'
import { CHART, findTool } from './chart.ts'
import { Prometheus } from './prometheus.ts'

const WINDOW = '30s'
const FIRES_WITHIN_MS = 60_000
/** Two scrapes, so that what comes then is seen to come. */
const SETTLE_MS = 2_500

/** One Dwell, its folder, and how it is started again. */
class Patient {
  readonly folder: string
  readonly port: number
  #process: DwellProcess

  constructor(folder: string, port: number, process: DwellProcess) {
    this.folder = folder
    this.port = port
    this.#process = process
  }

  static async start(folder: string): Promise<Patient> {
    const port = await freePort()
    return new Patient(folder, port, await startIn(folder, port))
  }

  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    return (await this.#process.client.call(method, path, { body })).json
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal)
  }

  async stop(): Promise<void> {
    await this.#process.stop()
  }

  async restart(settings: Record<string, string> = {}): Promise<void> {
    if (this.#process.running) await this.#process.stop()
    this.#process = await startIn(this.folder, this.port, settings)
  }

  async kill(): Promise<void> {
    this.#process.signal('SIGCONT')
    await this.#process.kill()
  }
}

function startIn(folder: string, port: number, settings: Record<string, string> = {}): Promise<DwellProcess> {
  return DwellProcess.start({
    dataDirectory: join(folder, 'data'),
    logPath: join(folder, 'dwell.log'),
    port,
    settings: { DWELL_PUSH_ALLOWED_HOSTS: '127.0.0.1', DWELL_CANARY_INTERVAL: '1s', ...settings },
  })
}

const numbers = (count: number, delay = 0) => ({
  messages: Array.from({ length: count }, (_, value) => ({ value, delay })),
})

/** How each is broken; it must be well before. */
const BREAKS: Record<string, (patient: Patient) => Promise<void>> = {
  DwellDown: (patient) => patient.kill(),
  async DwellRestartLoop(patient) {
    for (let i = 0; i < 4; i++) {
      await patient.restart()
      await sleep(SETTLE_MS)
    }
  },
  async DwellDispatchesLate(patient) {
    await patient.call('POST', '/v1/topics/orders/messages', numbers(100, 1_000))
    patient.signal('SIGSTOP')
    await sleep(4_000)
    patient.signal('SIGCONT')
  },
  async DwellCanaryLost(patient) {
    await sleep(8_000)
    await patient.call('POST', '/v1/topics/dwell-canary/groups/canary/pause', { reason: 'for a test' })
  },
  async DwellDeadLettersRising(patient) {
    const group = '/v1/topics/orders/groups/billing'
    await patient.call('POST', '/v1/topics/orders/messages', numbers(50))
    for (;;) {
      const { records } = (await patient.call('POST', `${group}/acquire`, { max: 50 })) as {
        records: { receipt: string }[]
      }
      if (records.length === 0) return
      const acknowledgements = records.map(({ receipt }) => ({ receipt, type: 'reject' }))
      await patient.call('POST', `${group}/acknowledge`, { acknowledgements })
    }
  },
  async DwellGroupLagGrowing(patient) {
    await patient.call('POST', '/v1/topics/orders/messages', numbers(900))
    await patient.call('PUT', '/v1/topics/orders/groups/billing', {})
    for (let i = 0; i < 4; i++) {
      await sleep(1_000)
      await patient.call('POST', '/v1/topics/orders/messages', numbers(200))
    }
  },
  async DwellEndpointPaused(patient) {
    const endpoint = createServer((request, response) =>
      request.resume().on('end', () => response.writeHead(410).end()),
    )
    await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
    endpoint.unref()
    const url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/`
    await patient.call('POST', '/v1/topics/orders/messages', numbers(1))
    await patient.call('PUT', '/v1/topics/orders/groups/push', { push: { url } })
  },
  DwellDiskLow: (patient) => patient.restart({ DWELL_DISK_LOW_BYTES: '16384GiB' }),
  async DwellDamageFound(patient) {
    await patient.call('POST', '/v1/topics/orders/messages', { value: 'x'.repeat(1_000), partition: 0 })
    await patient.stop()
    const topics = join(patient.folder, 'data', 'topics')
    const segments = readdirSync(topics, { recursive: true, encoding: 'utf8' }).map((name) => join(topics, name))
    for (const path of segments.filter((name) => /orders.*\.log$/.test(name))) {
      const bytes = readFileSync(path)
      if (bytes.length < 1_000) continue
      bytes[bytes.length - 100] ^= 1
      writeFileSync(path, bytes)
    }
    await patient.restart()
    await sleep(SETTLE_MS)
    await patient.call('GET', '/v1/topics/orders/partitions/0/records')
  },
}

/** The alerts with their time cut short. */
function shortened(): string {
  const rules = readFileSync(join(CHART, 'alerts.yaml'), 'utf8')
  return rules.replace(/^ +for: .*\n/gm, '').replace(/\[\d+[mh]\]/g, `[${WINDOW}]`)
}

async function firing(prometheus: Prometheus, name: string): Promise<boolean> {
  return (await prometheus.rules()).some((rule) => rule.name === name && rule.state === 'firing')
}

async function scrapedTwice(prometheus: Prometheus): Promise<boolean> {
  const samples = await prometheus.ask('count_over_time(dwell_ready[1m]) >= 2').catch(() => [])
  return samples.length > 0
}

/** How long it took until the alert fired; undefined when it did not. */
async function see(path: string, name: string): Promise<number | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'dwell-alerts-'))
  const rulesPath = join(folder, 'alerts.yaml')
  writeFileSync(rulesPath, shortened())
  const patient = await Patient.start(folder)
  const prometheus = await Prometheus.start(path, folder, patient.port, rulesPath)
  try {
    while (!(await scrapedTwice(prometheus))) await sleep(250)
    if (await firing(prometheus, name)) throw new Error(`${name} fires although all is well.`)
    const brokenMs = performance.now()
    await BREAKS[name](patient)
    while (performance.now() - brokenMs < FIRES_WITHIN_MS) {
      if (await firing(prometheus, name)) return performance.now() - brokenMs
      await sleep(250)
    }
    return undefined
  } finally {
    prometheus.kill()
    await patient.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

const path = findTool('prometheus')
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BREAKS)
if (path === undefined) process.stdout.write('Left out: without prometheus; test/helm/tools brings it.\n')
else {
  for (const name of wanted) {
    const tookMs = await see(path, name)
    if (tookMs === undefined) process.exitCode = 1
    const outcome = tookMs === undefined ? 'did not fire' : `fired ${(tookMs / 1000).toFixed(1)} s after it was broken`
    process.stdout.write(`${tookMs === undefined ? 'not ok' : 'ok'} - ${name} ${outcome}\n`)
  }
}
