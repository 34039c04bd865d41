// Asks the service in this container or pod whether it is ready (or alive): for health checks where no other program is at
// hand, as in the image. It loads nothing but Node, since it runs every few seconds.
//
//   node service/probe.ts [readyz|healthz]      ends with 0 when the answer is 200, else with 1 and a sentence
//
// The port comes from the environment, as the other settings do: a service that is told another one by `--port` is not found.
// Where clients have to show a certificate, which a probe has none of, it is well when its port takes connections.

import { get as getPlain } from 'node:http'
import { get as getSecure } from 'node:https'
import { connect } from 'node:net'

const TIMEOUT_MS = 4_000
const SENTENCE_LENGTH_MAX = 1_000

const path = process.argv[2] ?? 'readyz'
const {
  DWELL_HOST: host = '127.0.0.1',
  DWELL_PORT: port = '7200',
  DWELL_TLS_CERTIFICATE_FILE: certificate,
  DWELL_TLS_CLIENT_CA_FILE: clientCa,
} = process.env

const asked = clientCa ? knock() : ask()
asked.on('timeout', () => asked.destroy(new Error(`nothing within ${TIMEOUT_MS} ms`)))
asked.on('error', (error: Error) => fail(`No answer on port ${port}: ${error.message}`))

function ask() {
  const get = certificate ? getSecure : getPlain
  // It is the service beside this process, whatever the names in its certificate.
  const options = { host: reachable(host), port, path: `/${path}`, agent: false as const, timeout: TIMEOUT_MS }
  return get({ ...options, rejectUnauthorized: false }, (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (part: string) => (text += part))
    response.on('end', () => response.statusCode !== 200 && fail(text))
  })
}

function knock() {
  const socket = connect({ host: reachable(host), port: Number(port), timeout: TIMEOUT_MS }, () => socket.destroy())
  return socket
}

/** Where a service that listens on `host` is reached from beside it. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

function fail(sentence: string): void {
  process.stderr.write(`${sentence.slice(0, SENTENCE_LENGTH_MAX)}\n`)
  process.exitCode = 1
}
