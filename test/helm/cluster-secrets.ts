// Steps of cluster.ts: tokens and a certificate in Secrets of one's own, and what becomes of a running pod when they change.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasOpenssl, makeCertificate } from '../support/certificates.ts'
import { CHART, ROOT, run } from './chart.ts'
import { applySecret, endOfPod, helm, helmAndWait, lineOf, must, NAMESPACE, startPod, uidOf } from './in-cluster.ts'

const RELEASE = 'secure'
const NAME = `${RELEASE}-dwell`
const POD = `${NAME}-0`
const TOKENS = 'our-tokens'
const TLS = 'our-tls'
const TEST_TOKEN = 'our-test-token'
/** A kubelet brings a changed Secret into running pods within a minute or so. */
const SECRETS_WITHIN_MS = 100_000

/** A file of tokens as `dwell tokens` writes it, and the token of it that may do everything. */
function makeTokens(): { file: string; token: string } {
  const folder = mkdtempSync(join(tmpdir(), 'dwell-tokens-'))
  try {
    const file = join(folder, 'tokens.json')
    const main = join(ROOT, 'service', 'main.ts')
    const args = ['tokens', 'create', 'operator', '--rights', 'publish,consume,admin', '--file', file]
    const token = must('dwell tokens create', run(process.execPath, [main, ...args])).trim()
    return { file: readFileSync(file, 'utf8'), token }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A certificate for the Service that signs itself, with its key. */
function makeTls(): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'dwell-tls-'))
  try {
    const { cert, key } = makeCertificate(folder, 'own', `DNS:${NAME},DNS:${NAME}.${NAMESPACE}.svc`).pem
    return { 'tls.crt': cert.toString(), 'tls.key': key.toString(), 'ca.crt': cert.toString() }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

// Publishes with the first token, then looks every second whether the Secrets in its own files changed, and whether the service
// shows the new certificate, takes the new token and refuses the old one. Its connections are new ones.
const WATCHER = `
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
const { OLD, NEW } = process.env
const read = () => ({ ca: readFileSync('/secrets/${TLS}/ca.crt', 'utf8'), tokens: readFileSync('/secrets/${TOKENS}/tokens.json', 'utf8') })
const publish = (token, ca) => new Promise((resolve, reject) => {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer ' + token }
  const options = { host: '${NAME}', port: 7200, path: '/v1/topics/secured/messages', method: 'POST', headers, ca, agent: false }
  request(options, (response) => response.resume().on('end', () => resolve(response.statusCode))).on('error', reject)
    .end(JSON.stringify({ value: 1, delay: '1h' }))
})
const first = read()
const status = await publish(OLD, first.ca)
if (status !== 201) throw new Error('publishing answered ' + status)
console.log('published')
const beganMs = Date.now()
let why = ''
while (Date.now() < beganMs + ${SECRETS_WITHIN_MS}) {
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const { ca, tokens } = read()
  if (ca === first.ca || tokens === first.tokens) continue
  const statuses = await Promise.all([publish(NEW, ca), publish(OLD, ca)]).catch((error) => [error.code])
  why = statuses.join(' ')
  if (why === '201 401') break
}
const isLeftOut = why === '' && 'left out: this node brings no changed Secrets into running pods'
if (why !== '201 401' && !isLeftOut) throw new Error('the Secrets changed, and publishing answers ' + why)
console.log(isLeftOut || 'in use after ' + Math.round((Date.now() - beganMs) / 1_000) + ' s')
`

/** The steps; `sets` are helm's options that name the image. */
export function secretSteps(image: string, sets: readonly string[]): Record<string, () => string> {
  if (!hasOpenssl()) return { 'tokens and a certificate in Secrets': () => 'left out: it takes openssl' }
  const before = makeTokens()
  return {
    'tokens and a certificate in Secrets: helm test comes in over HTTPS'() {
      applySecret(TOKENS, 'Opaque', { 'tokens.json': before.file })
      applySecret(TEST_TOKEN, 'Opaque', { token: before.token })
      applySecret(TLS, 'kubernetes.io/tls', makeTls())
      const named = [`access.tokens.existingSecret=${TOKENS}`, `access.tls.existingSecret=${TLS}`]
      const values = [...named, `test.tokenSecret.name=${TEST_TOKEN}`].flatMap((value) => ['--set', value])
      helmAndWait('install', RELEASE, CHART, ...sets, ...values)
      return helm('test', RELEASE, '--logs', '--timeout', '90s').trim().split('\n').at(-1) ?? ''
    },
    'changed Secrets are taken into use while it runs'() {
      const after = makeTokens()
      const pod = uidOf(POD)
      const env = { OLD: before.token, NEW: after.token }
      startPod({ name: 'watcher', image, program: WATCHER, env, secrets: [TOKENS, TLS] })
      lineOf('watcher', 'watcher', 'published')
      applySecret(TOKENS, 'Opaque', { 'tokens.json': after.file })
      applySecret(TLS, 'kubernetes.io/tls', makeTls())
      const said = endOfPod('watcher').split('\n').at(-1) ?? ''
      if (uidOf(POD) !== pod) throw new Error('Not so: the pod is the same')
      return said
    },
  }
}
