// The health check of the image, as a program.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { hasOpenssl, makeCertificate } from '../support/certificates.ts'
import { freePort } from '../support/dwell-process.ts'
import { startService } from './running-service.ts'

const PROBE = join(import.meta.dirname, '..', '..', 'service', 'probe.ts')

function probe(port: number, path: string, environment: Record<string, string> = {}) {
  const env = { PATH: process.env.PATH, DWELL_HOST: '0.0.0.0', DWELL_PORT: String(port), ...environment }
  return new Promise<{ code: number; said: string }>((resolve) => {
    execFile(process.execPath, [PROBE, path], { env }, (error, _, said) => {
      resolve({ code: Number(error?.code ?? 0), said })
    })
  })
}

t.test('a service that is ready is well', async (t) => {
  const { port } = await startService(t)
  for (const path of ['readyz', 'healthz']) t.same(await probe(port, path), { code: 0, said: '' }, path)
})

t.test('one that is not ready is not, and says why', async (t) => {
  const server = createServer((_, response) => response.writeHead(503).end('{"why":"The service is stopping."}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { code, said } = await probe((server.address() as AddressInfo).port, 'readyz')
  t.equal(code, 1)
  t.match(said, 'The service is stopping.')
})

t.test('where nobody answers it says so', async (t) => {
  const { code, said } = await probe(await freePort(), 'readyz')
  t.equal(code, 1)
  t.match(said, /^No answer on port \d+: .*ECONNREFUSED/)
})

t.test('it speaks TLS where the service does', { skip: !hasOpenssl() && 'without openssl' }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dwell-probe-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { certificate, key } = makeCertificate(folder, 'own')
  const tls = { TLS_CERTIFICATE_FILE: certificate, TLS_KEY_FILE: key }
  const { port } = await startService(t, tls)
  t.same(await probe(port, 'readyz', { DWELL_TLS_CERTIFICATE_FILE: certificate }), { code: 0, said: '' })
  t.equal((await probe(port, 'readyz')).code, 1)
})

t.test(
  'where clients have to show a certificate, an open port is well',
  { skip: !hasOpenssl() && 'without openssl' },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'dwell-probe-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const { certificate, key } = makeCertificate(folder, 'own')
    const tls = { TLS_CERTIFICATE_FILE: certificate, TLS_KEY_FILE: key, TLS_CLIENT_CA_FILE: certificate }
    const { port } = await startService(t, tls)
    const environment = { DWELL_TLS_CERTIFICATE_FILE: certificate, DWELL_TLS_CLIENT_CA_FILE: certificate }
    t.same(await probe(port, 'readyz', environment), { code: 0, said: '' })
    t.match(await probe(await freePort(), 'readyz', environment), { code: 1, said: /ECONNREFUSED/ })
  },
)
