// Tracing in a process of its own: what is loaded for it, and a collector that is gone or that hangs.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DwellProcess } from '../../support/dwell-process.ts'

const PUBLISHER = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const HOOK = join(import.meta.dirname, '..', '..', 'support', 'loaded-modules.ts')

async function start(t: Test, settings: Record<string, string>) {
  const folder = t.testdir()
  const paths = { logPath: join(folder, 'log'), modules: join(folder, 'modules') }
  const started = await DwellProcess.start({
    dataDirectory: join(folder, 'data'),
    logPath: paths.logPath,
    settings: { NODE_OPTIONS: `--import ${HOOK}`, LOADED_MODULES_FILE: paths.modules, ...settings },
  })
  t.teardown(() => started.kill())
  const read = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n')
  return {
    service: started,
    publish: (value: unknown) => {
      return started.client.call('POST', '/v1/topics/orders/messages', {
        body: { value },
        headers: { traceparent: PUBLISHER },
      })
    },
    modules: () => read(paths.modules),
    log: () => read(paths.logPath).map((line) => JSON.parse(line)),
  }
}

t.test('without the setting nothing of OpenTelemetry is loaded but its API, which prom-client brings', async (t) => {
  const { service, publish, modules } = await start(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
  })
  t.equal((await publish(1)).status, 201)
  t.equal((await service.stop()).code, 0)
  const loaded = modules()
  t.ok(
    loaded.some((url) => url.endsWith('/service/tracing/tracing.ts')),
    'the list is one',
  )
  t.strictSame(
    loaded.filter((url) => /@opentelemetry\/(?!api\/)|tracing\/(spans|export)\.ts/.test(url)),
    [],
  )
})

t.test('a collector that hangs disturbs nobody', async (t) => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    silent.closeAllConnections()
    silent.close()
  })
  const { port } = silent.address() as AddressInfo
  const endpoint = `http://127.0.0.1:${port}/v1/traces?token=planted`
  const { service, publish, modules, log } = await start(t, { DWELL_TRACES_ENDPOINT: endpoint })
  const answers = await Promise.all(Array.from({ length: 600 }, (_, i) => publish(i)))
  t.ok(answers.every(({ status }) => status === 201))
  const beganMs = performance.now()
  t.equal((await service.stop()).code, 0)
  t.ok(performance.now() - beganMs < 6_000, 'a stop waits two seconds for it at most')
  t.ok(modules().some((url) => url.includes('@opentelemetry/sdk-trace')))
  t.match(
    log().find(({ msg }) => /spans/i.test(msg)),
    { level: 'info', endpoint: `http://127.0.0.1:${port}` },
  )
  t.notMatch(JSON.stringify(log()), 'planted')
})
