// autocannon in a process of its own, so that making the load takes nothing from the server's event loop.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Load {
  url: string
  body: string
  contentType: string
  headers?: Readonly<Record<string, string>>
  connections: number
  seconds: number
}

export interface Measured {
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
}

const AUTOCANNON = createRequire(import.meta.url).resolve('autocannon/autocannon.js')

/** Runs the load. An answer that is no success fails the bench: a refused request is cheap. */
export async function measure({ url, body, contentType, headers = {}, connections, seconds }: Load): Promise<Measured> {
  const bodyPath = join(tmpdir(), `dwell-bench-body-${process.pid}`)
  writeFileSync(bodyPath, body)
  const args = [
    '-m',
    'POST',
    '-c',
    connections,
    '-d',
    seconds,
    '-H',
    `content-type=${contentType}`,
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]),
    '-i',
    bodyPath,
    '--json',
    url,
  ]
  const child = spawn(process.execPath, [AUTOCANNON, ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let said = ''
  child.stdout.on('data', (part) => (out += part))
  child.stderr.on('data', (part) => (said += part))
  await new Promise((resolve) => child.once('close', resolve))
  const result = JSON.parse(out.slice(out.indexOf('{'))) as {
    requests: { average: number }
    latency: { p50: number; p99: number }
    non2xx: number
    errors: number
  }
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${url}: ${result.non2xx} answers without success, ${result.errors} errors ${said.slice(-300)}`)
  }
  return { requestsPerSecond: result.requests.average, p50Ms: result.latency.p50, p99Ms: result.latency.p99 }
}

/** A value whose JSON is as near to `size` bytes as it can be. */
export function valueOfSize(size: number): { order: number; filling: string } {
  const empty = JSON.stringify({ order: 17, filling: '' }).length
  return { order: 17, filling: 'x'.repeat(Math.max(0, size - empty)) }
}
