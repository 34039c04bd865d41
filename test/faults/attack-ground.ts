// Where attacks are played: the real process with tokens and small limits, an attacker's own addresses, and a bystander who
// goes on publishing and must be served all the while.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type CryptoKey, exportJWK, generateKeyPair } from 'jose'
import type { Test } from 'tap'
import { RIGHTS } from '../../service/access/rights.ts'
import { type Answer, send } from '../service/running-service.ts'
import { DwellProcess } from '../support/dwell-process.ts'
import { type Holder, holder, tokensFolder, writeTokens } from '../support/token-holders.ts'

export const ISSUER = 'https://login.example'
export const AUDIENCE = 'dwell'

export interface Sending {
  headers?: Record<string, string>
  /** Text and bytes as they are, all else as JSON. */
  body?: unknown
  /** One of the loopback addresses; 127.0.0.1 when absent. */
  from?: string
}

export class AttackGround {
  readonly holders = {
    bystander: holder('bystander', RIGHTS, ['bystander']),
    publisher: holder('publisher', ['publish'], ['shop.*']),
    owner: holder('owner', RIGHTS, ['shop.*'], { topics: 10, pending: 100, waiting: 20 }),
    hoarder: holder('hoarder', ['publish'], ['hoard'], { pendingBytes: 5_000_000 }),
    operator: holder('operator', RIGHTS),
  } satisfies Record<string, Holder>
  readonly keys: { privateKey: CryptoKey; publicKey: CryptoKey }
  readonly process: DwellProcess
  readonly directory: string
  readonly logPath: string
  readonly #teardown: Test['teardown']

  private constructor(t: Test, parts: Pick<AttackGround, 'keys'>) {
    this.keys = parts.keys
    this.directory = t.testdir()
    this.logPath = join(tokensFolder(t), 'log')
    this.process = undefined as never
    this.#teardown = t.teardown.bind(t)
  }

  static async start(t: Test): Promise<AttackGround> {
    const keys = await generateKeyPair('RS256', { extractable: true })
    const ground = new AttackGround(t, { keys })
    const folder = tokensFolder(t)
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'rsa', alg: 'RS256' }
    writeFileSync(join(folder, 'keys.json'), JSON.stringify({ keys: [jwk] }))
    const process = await DwellProcess.start({
      dataDirectory: ground.directory,
      logPath: ground.logPath,
      settings: {
        DWELL_TOKENS_FILE: writeTokens(folder, Object.values(ground.holders)),
        DWELL_JWT_KEYS: join(folder, 'keys.json'),
        DWELL_JWT_ISSUER: ISSUER,
        DWELL_JWT_AUDIENCE: AUDIENCE,
        DWELL_REQUEST_TIMEOUT: '2s',
        DWELL_ADDRESS_CONNECTIONS_MAX: '100',
        DWELL_ARRIVING_BYTES_MAX: '32MiB',
        DWELL_LOG_LEVEL: 'debug',
      },
    })
    t.teardown(() => process.kill())
    return Object.assign(ground, { process })
  }

  send(method: string, path: string, { headers, body, from }: Sending = {}): Promise<Answer> {
    return send(this.process.port, method, path, body, headers, from)
  }

  /** A bare connection; what comes back gathers in `answer`. */
  open(text: string, from?: string): { socket: Socket; answer: () => string; closed: Promise<void> } {
    const socket = connect({ port: this.process.port, host: '127.0.0.1', localAddress: from })
    this.#teardown(() => socket.destroy())
    let answer = ''
    socket.setEncoding('latin1').on('data', (part) => (answer += part))
    socket.on('error', () => {})
    socket.on('connect', () => socket.write(text))
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    return { socket, answer: () => answer, closed }
  }

  /** How often requests were answered with this code. */
  async counted(code: string): Promise<number> {
    const { text } = await this.send('GET', '/metrics', { headers: this.holders.operator.headers })
    return Number(new RegExp(`^dwell_http_problems_total\\{code="${code}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0)
  }

  /** Publishes as the bystander does; answers how long that took. */
  async bystand(): Promise<number> {
    const beganMs = performance.now()
    const { headers } = this.holders.bystander
    const answer = await this.send('POST', '/v1/topics/bystander/messages', {
      headers,
      body: { value: 1 },
      from: '127.0.0.9',
    })
    if (answer.status !== 201) throw new Error(`the bystander was answered ${answer.status}: ${answer.text}`)
    return performance.now() - beganMs
  }

  /** Names of all files and folders of the data. */
  files(): string[] {
    return readdirSync(this.directory, { recursive: true, encoding: 'utf8' }).sort()
  }

  log(): string {
    return readFileSync(this.logPath, 'utf8')
  }
}
