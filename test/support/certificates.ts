// Certificates for tests, made by the system's openssl: none with a private key lies in the repository.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export interface Certificate {
  /** Paths. */
  certificate: string
  key: string
  /** PEM. */
  pem: { cert: Buffer; key: Buffer }
}

export function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** One for `localhost` or other hosts, as a certificate lists them, signed by itself. */
export function makeCertificate(directory: string, name: string, hosts = 'DNS:localhost,IP:127.0.0.1'): Certificate {
  const names = ['-subj', '/CN=localhost', '-addext', `subjectAltName=${hosts}`]
  run(directory, ['req', '-x509', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-days', '2', ...names])
  return at(directory, name)
}

/** One signed by another, for a client; over already when `days` is negative. */
export function makeClientCertificate(directory: string, name: string, signer: Certificate, days = 2): Certificate {
  run(directory, ['req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`])
  const by = ['-CA', signer.certificate, '-CAkey', signer.key, '-CAcreateserial']
  run(directory, ['x509', '-req', '-in', `${name}.csr`, ...by, '-out', `${name}.crt`, '-days', String(days)])
  return at(directory, name)
}

function at(directory: string, name: string): Certificate {
  const certificate = join(directory, `${name}.crt`)
  const key = join(directory, `${name}.key`)
  return { certificate, key, pem: { cert: readFileSync(certificate), key: readFileSync(key) } }
}

function run(directory: string, args: string[]): void {
  execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' })
}
