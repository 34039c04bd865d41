// TLS: the certificate of the service and its key, and whose certificates clients have to show, out of files that are read again
// when they change. A new connection gets the new ones; those that are open go on.

import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { type Clock, type Disk, DwellError, type Log } from '../../storage/index.ts'
import type { Settings } from '../settings.ts'
import { WatchedFiles } from './watched-files.ts'

const BYTES_MAX = 1024 * 1024
/** A client may take so long to agree on keys. */
const HANDSHAKE_MS = 10_000

/** What Node's server of HTTPS is made with. */
export interface TlsOptions extends SecureContextOptions {
  requestCert: boolean
  rejectUnauthorized: boolean
  handshakeTimeout: number
}

export interface CertificatesOptions {
  settings: Pick<Settings, 'TLS_CERTIFICATE_FILE' | 'TLS_KEY_FILE' | 'TLS_CLIENT_CA_FILE'>
  disk: Disk
  clock: Clock
  log: Log
  /** Called when files changed and could not be taken into use. */
  onFailure?: () => void
}

export class Certificates {
  #context: SecureContextOptions = {}
  #files: WatchedFiles | undefined
  readonly #asksClients: boolean
  /** Their files, for who has to mend them. */
  readonly #paths: readonly string[]
  /** Told of new ones. */
  onChange: (context: SecureContextOptions) => void = () => {}

  private constructor(paths: readonly string[], asksClients: boolean) {
    this.#paths = paths
    this.#asksClients = asksClients
  }

  /**
   * Undefined where the settings name none: then it is plain HTTP.
   * @throws INVALID_SETTING, FILE_UNREADABLE, INVALID_CERTIFICATE
   */
  static async open({ settings, ...options }: CertificatesOptions): Promise<Certificates | undefined> {
    const { TLS_CERTIFICATE_FILE: certificate, TLS_KEY_FILE: key, TLS_CLIENT_CA_FILE: clientCa } = settings
    if (certificate === '' && key === '' && clientCa === '') return undefined
    if (certificate === '' || key === '') {
      const sentence =
        'DWELL_TLS_CERTIFICATE_FILE and DWELL_TLS_KEY_FILE belong together, also with DWELL_TLS_CLIENT_CA_FILE.'
      throw new DwellError('INVALID_SETTING', sentence, { setting: 'DWELL_TLS_CERTIFICATE_FILE' })
    }
    const paths = clientCa === '' ? [certificate, key] : [certificate, key, clientCa]
    const certificates = new Certificates(paths, clientCa !== '')
    certificates.#files = await WatchedFiles.open({
      ...options,
      what: 'certificates',
      paths,
      bytesMax: BYTES_MAX,
      use: ([cert, key, ca]) => certificates.#use({ cert, key, ca }),
    })
    return certificates
  }

  get tlsOptions(): TlsOptions {
    const asks = this.#asksClients
    return { ...this.#context, requestCert: asks, rejectUnauthorized: asks, handshakeTimeout: HANDSHAKE_MS }
  }

  async close(): Promise<void> {
    await this.#files?.close()
  }

  #use(files: { cert: Buffer; key: Buffer; ca: Buffer | undefined }): void {
    const context = { ...files, minVersion: 'TLSv1.2' as const }
    try {
      createSecureContext(context)
    } catch (error) {
      // A key that is not that of the certificate is found here too, and both are read again soon: perhaps only one of them
      // had been changed.
      const sentence = `The certificate and its key cannot be used (${this.#paths.join(', ')}): ${(error as Error).message}.`
      throw new DwellError('INVALID_CERTIFICATE', sentence, {}, error)
    }
    this.#context = context
    this.onChange(context)
  }
}
