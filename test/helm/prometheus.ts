// A real Prometheus that scrapes one Dwell each second, with rules of a test's choice.

import { type ChildProcess, spawn } from 'node:child_process'
import { openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/dwell-process.ts'

export interface Sample {
  metric: Record<string, string>
  value: [number, string]
}
export interface Rule {
  name: string
  /** `ok` when it could be evaluated. */
  health: string
  /** `firing`, `pending`, `inactive`. */
  state: string
  lastError?: string
}

export class Prometheus {
  readonly #url: string
  readonly #process: ChildProcess

  private constructor(url: string, process: ChildProcess) {
    this.#url = url
    this.#process = process
  }

  /** Runs the program at `path`; its data and its log go to `folder`. */
  static async start(path: string, folder: string, scrapedPort: number, rulesPath: string): Promise<Prometheus> {
    const port = await freePort()
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [rulesPath],
      scrape_configs: [{ job_name: 'dwell', static_configs: [{ targets: [`127.0.0.1:${scrapedPort}`] }] }],
    }
    // JSON is YAML.
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
    const log = openSync(join(folder, 'prometheus.log'), 'w')
    const args = [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]
    return new Prometheus(`http://127.0.0.1:${port}`, spawn(path, args, { stdio: ['ignore', log, log] }))
  }

  /** What a query answers now. */
  async ask(query: string): Promise<Sample[]> {
    const { result } = await this.#get<{ result: Sample[] }>(`query?query=${encodeURIComponent(query)}`)
    return result
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.#get<{ groups: { rules: Rule[] }[] }>('rules')
    return groups.flatMap(({ rules }) => rules)
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}`)
    const { status, error, data } = (await response.json()) as { status: string; error?: string; data: T }
    if (status !== 'success') throw new Error(`${path}: ${error}`)
    return data
  }
}
