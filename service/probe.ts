// Asks the service in this container or pod whether it is ready (or alive): for health checks where no other program is at
// hand, as in the image. It loads nothing but Node, since it runs every few seconds.
//
//   node service/probe.ts [readyz|healthz]      ends with 0 when the answer is 200, else with 1 and a sentence

import { get as getPlain } from 'node:http'
import { get as getSecure } from 'node:https'

const TIMEOUT_MS = 4_000
const SENTENCE_LENGTH_MAX = 1_000

const path = process.argv[2] ?? 'readyz'
const {
  DWELL_HOST: host = '127.0.0.1',
  DWELL_PORT: port = '7200',
  DWELL_TLS_CERTIFICATE_FILE: certificate,
} = process.env
const get = certificate ? getSecure : getPlain

// It is the service beside this process, whatever the names in its certificate.
const options = { host: reachable(host), port, path: `/${path}`, agent: false as const, timeout: TIMEOUT_MS }
const request = get({ ...options, rejectUnauthorized: false }, (response) => {
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (part: string) => (text += part))
  response.on('end', () => response.statusCode !== 200 && fail(text))
})
request.on('timeout', () => request.destroy(new Error(`nothing within ${TIMEOUT_MS} ms`)))
request.on('error', (error) => fail(`No answer on port ${port}: ${error.message}`))

/** Where a service that listens on `host` is reached from beside it. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

function fail(sentence: string): void {
  process.stderr.write(`${sentence.slice(0, SENTENCE_LENGTH_MAX)}\n`)
  process.exitCode = 1
}
