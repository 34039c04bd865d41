// HTTPS: a certificate that is changed while the service runs, clients that have to show one, and shakes of hands that never end.

import { once } from 'node:events'
import { copyFileSync, mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import t from 'tap'
import { LOOK_MS } from '../../../service/access/watched-files.ts'
import { hasOpenssl, makeCertificate, makeClientCertificate } from '../../support/certificates.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tokensFolder } from '../../support/token-holders.ts'
import { until } from '../../support/until.ts'
import { startService } from '../running-service.ts'

const skip = hasOpenssl() ? false : 'openssl is not installed'

/** The certificate that the service shows. */
async function shownBy(port: number, options: ConnectionOptions = {}): Promise<string> {
  const socket: TLSSocket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

function statusOf(port: number, options: ConnectionOptions): Promise<number | string> {
  return new Promise((resolve) => {
    const sent = request({ port, host: '127.0.0.1', path: '/healthz', agent: false, ...options }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    sent.end()
  })
}

t.test(
  'a certificate that changes is shown to new connections, one that does not fit its key is not',
  { skip },
  async (t) => {
    const folder = tokensFolder(t)
    const first = makeCertificate(folder, 'first')
    const second = makeCertificate(folder, 'second')
    const inUse = { TLS_CERTIFICATE_FILE: join(folder, 'tls.crt'), TLS_KEY_FILE: join(folder, 'tls.key') }
    copyFileSync(first.certificate, inUse.TLS_CERTIFICATE_FILE)
    copyFileSync(first.key, inUse.TLS_KEY_FILE)
    const clock = new ManualClock()
    const { port } = await startService(t, inUse, { clock })
    t.equal(await statusOf(port, { ca: first.pem.cert }), 200)
    t.equal(await statusOf(port, { ca: second.pem.cert }), 'DEPTH_ZERO_SELF_SIGNED_CERT')
    const before = await shownBy(port)

    const look = async () => {
      await clock.advance(LOOK_MS)
      for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
    }
    copyFileSync(second.certificate, inUse.TLS_CERTIFICATE_FILE)
    await look()
    t.equal(await shownBy(port), before, 'half of a change is none')
    copyFileSync(second.key, inUse.TLS_KEY_FILE)
    for (let i = 0; i < 20 && (await shownBy(port)) === before; i++) await look()
    t.equal(await statusOf(port, { ca: second.pem.cert }), 200)
    t.equal(await statusOf(port, { ca: first.pem.cert }), 'DEPTH_ZERO_SELF_SIGNED_CERT')
  },
)

t.test(
  'a secret of Kubernetes is swapped whole, and files that are half written change nothing',
  { skip },
  async (t) => {
    const folder = tokensFolder(t)
    // tls.crt → ..data/tls.crt, and ..data is the link that is swapped.
    const generation = (name: string) => {
      mkdirSync(join(folder, name))
      const made = makeCertificate(folder, `of${name}`)
      copyFileSync(made.certificate, join(folder, name, 'tls.crt'))
      copyFileSync(made.key, join(folder, name, 'tls.key'))
      symlinkSync(name, join(folder, '..new'))
      renameSync(join(folder, '..new'), join(folder, '..data'))
      return made
    }
    generation('..1')
    for (const file of ['tls.crt', 'tls.key']) symlinkSync(join('..data', file), join(folder, file))
    const clock = new ManualClock()
    const settings = { TLS_CERTIFICATE_FILE: join(folder, 'tls.crt'), TLS_KEY_FILE: join(folder, 'tls.key') }
    const { port } = await startService(t, settings, { clock })
    const look = async () => {
      await clock.advance(LOOK_MS)
      for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
    }
    const before = await shownBy(port)
    const second = generation('..2')
    for (let i = 0; i < 20 && (await shownBy(port)) === before; i++) await look()
    const shown = await shownBy(port)
    t.not(shown, before)
    t.equal(await statusOf(port, { ca: second.pem.cert }), 200)

    const { cert, key } = second.pem
    const halves = {
      'tls.crt': [cert.subarray(0, 200), Buffer.alloc(0)],
      'tls.key': [key.subarray(0, 100), Buffer.alloc(0)],
    }
    for (const [file, contents] of Object.entries(halves)) {
      for (const half of contents) {
        writeFileSync(join(folder, '..data', file), half)
        await look()
        await look()
        t.equal(await shownBy(port), shown, `${file} of ${half.length} bytes`)
      }
      writeFileSync(join(folder, '..data', file), file === 'tls.crt' ? cert : key)
    }
    unlinkSync(join(folder, '..data'))
    await look()
    t.equal(await shownBy(port), shown, 'nor does it when they are gone')
  },
)

t.test('where clients have to show a certificate, those without a right one are not answered', { skip }, async (t) => {
  const folder = tokensFolder(t)
  const own = makeCertificate(folder, 'own')
  const signer = makeCertificate(folder, 'signer')
  const client = makeClientCertificate(folder, 'shop', signer)
  const stranger = makeClientCertificate(folder, 'stranger', makeCertificate(folder, 'other'))
  const { port } = await startService(t, {
    TLS_CERTIFICATE_FILE: own.certificate,
    TLS_KEY_FILE: own.key,
    TLS_CLIENT_CA_FILE: signer.certificate,
  })
  const ca = own.pem.cert
  t.equal(await statusOf(port, { ca, ...client.pem }), 200)
  t.type(await statusOf(port, { ca }), 'string')
  t.type(await statusOf(port, { ca, ...stranger.pem }), 'string')
  const over = makeClientCertificate(folder, 'over', signer, -1)
  t.type(await statusOf(port, { ca, ...over.pem }), 'string', 'one that is over')
  t.equal(await statusOf(port, { ca, ...client.pem, maxVersion: 'TLSv1.2' }), 200)
  t.type(await statusOf(port, { ca, ...client.pem, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }), 'string')
})

t.test('connections of an address are bounded here too', { skip }, async (t) => {
  const own = makeCertificate(tokensFolder(t), 'own')
  const tls = { TLS_CERTIFICATE_FILE: own.certificate, TLS_KEY_FILE: own.key }
  const { port } = await startService(t, { ...tls, ADDRESS_CONNECTIONS_MAX: 2 })
  const idle = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  for (const socket of idle) await once(socket, 'connect')
  t.type(await statusOf(port, { ca: own.pem.cert }), 'string')
  for (const socket of idle) socket.destroy()
  await until(async () => (await statusOf(port, { ca: own.pem.cert })) === 200)
  t.pass('when they are gone there is room')
})

t.test('plain HTTP on the port of HTTPS is not answered', { skip }, async (t) => {
  const own = makeCertificate(tokensFolder(t), 'own')
  const { port } = await startService(t, { TLS_CERTIFICATE_FILE: own.certificate, TLS_KEY_FILE: own.key })
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (part) => (answer += part))
  socket.on('error', () => {})
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(socket, 'close')
  t.notMatch(answer, /HTTP/)
})

t.test('certificates that cannot be used stop the start', { skip }, async (t) => {
  const folder = tokensFolder(t)
  const own = makeCertificate(folder, 'own')
  const other = makeCertificate(folder, 'other')
  const TLS_CERTIFICATE_FILE = own.certificate
  await t.rejects(startService(t, { TLS_CERTIFICATE_FILE }), { code: 'INVALID_SETTING' })
  await t.rejects(startService(t, { TLS_CLIENT_CA_FILE: own.certificate }), { code: 'INVALID_SETTING' })
  await t.rejects(startService(t, { TLS_CERTIFICATE_FILE, TLS_KEY_FILE: other.key }), {
    code: 'INVALID_CERTIFICATE',
    message: new RegExp(`${TLS_CERTIFICATE_FILE}, ${other.key}`),
  })
  writeFileSync(join(folder, 'empty'), '')
  await t.rejects(startService(t, { TLS_CERTIFICATE_FILE, TLS_KEY_FILE: join(folder, 'empty') }), {
    code: 'INVALID_CERTIFICATE',
  })
})
