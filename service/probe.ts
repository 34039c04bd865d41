// Asks the service in this container or pod whether it is ready (or alive): for health checks where no other program is at
// hand, as in the image. It loads nothing but Node, since it runs every few seconds.
//
//   node service/probe.ts [readyz|healthz]      ends with 0 when the answer is 200, else with 1 and a sentence

const path = process.argv[2] ?? 'readyz'
const { DWELL_HOST: host = '127.0.0.1', DWELL_PORT: port = '7200' } = process.env
const TIMEOUT_MS = 4_000

try {
  const response = await fetch(`http://${reachable(host)}:${port}/${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  const text = await response.text()
  if (!response.ok) fail(text)
} catch (error) {
  fail(`No answer on port ${port}: ${(error as Error).cause ?? error}`)
}

/** Where a service that listens on `host` is reached from beside it. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

function fail(sentence: string): void {
  process.stderr.write(`${sentence.slice(0, 1_000)}\n`)
  process.exitCode = 1
}
