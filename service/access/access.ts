// Who may come in, and over what: the tokens of a file, JSON Web Tokens, certificates; and what is refused at the start because
// nobody decided it.

import { BlockList, isIP } from 'node:net'
import { type Clock, type Disk, DwellError, type Log } from '../../storage/index.ts'
import type { Settings } from '../settings.ts'
import { Allowances, type LimitSettings } from './allowances.ts'
import { Authenticator } from './authenticator.ts'
import { Certificates } from './certificates.ts'
import { FileKeySet } from './file-key-set.ts'
import { BYTES_MAX, type KeySet, RemoteKeySet } from './key-set.ts'
import { Tokens } from './tokens.ts'
import { readTokenRows, TOKENS_FILE_BYTES_MAX } from './tokens-file.ts'
import { WatchedFiles } from './watched-files.ts'
import { ALGORITHMS, WebTokens } from './web-tokens.ts'

type AccessSettings = LimitSettings &
  Pick<
    Settings,
    | 'HOST'
    | 'TOKENS_FILE'
    | 'JWT_KEYS'
    | 'JWT_ISSUER'
    | 'JWT_AUDIENCE'
    | 'JWT_ALGORITHMS'
    | 'JWT_RIGHTS_CLAIM'
    | 'JWT_TOPICS_CLAIM'
    | 'TLS_CERTIFICATE_FILE'
    | 'TLS_KEY_FILE'
    | 'TLS_CLIENT_CA_FILE'
    | 'OPEN_TO_ANYONE'
  >

export interface AccessOptions {
  settings: AccessSettings
  disk: Disk
  clock: Clock
  log: Log
}

export class Access {
  readonly #closers: (() => Promise<void>)[] = []
  #reloadFailures = 0
  /** Undefined when nobody has to say who he is. */
  authenticator: Authenticator | undefined
  /** Undefined when plain HTTP is served. */
  certificates: Certificates | undefined

  private constructor() {}

  /** @throws INVALID_SETTING, ACCESS_UNDECIDED, FILE_UNREADABLE, INVALID_TOKENS_FILE, INVALID_KEYS, INVALID_CERTIFICATE */
  static async open(options: AccessOptions): Promise<Access> {
    checkDecided(options.settings)
    const access = new Access()
    try {
      await access.#open(options)
      return access
    } catch (error) {
      await access.close()
      throw error
    }
  }

  stats(): { failedAttempts: number; reloadFailures: number } {
    return { failedAttempts: this.authenticator?.failedAttempts ?? 0, reloadFailures: this.#reloadFailures }
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close()
  }

  async #open(options: AccessOptions): Promise<void> {
    const { settings, clock } = options
    const watched = { ...options, onFailure: () => void this.#reloadFailures++ }
    const opened = <Part extends { close(): Promise<void> }>(part: Part): Part => {
      this.#closers.push(() => part.close())
      return part
    }
    const allowances = new Allowances(clock, settings)
    let tokens = new Tokens([], allowances)
    if (settings.TOKENS_FILE !== '') {
      const use = ([bytes]: readonly Buffer[]) => {
        tokens = new Tokens(readTokenRows(bytes.toString()), allowances)
      }
      const file = { what: 'tokens', paths: [settings.TOKENS_FILE], bytesMax: TOKENS_FILE_BYTES_MAX, use }
      opened(await WatchedFiles.open({ ...watched, ...file }))
    }
    let webTokens: WebTokens | undefined
    if (settings.JWT_KEYS !== '') {
      const claims = claimsOf(settings)
      webTokens = new WebTokens({ keySet: opened(await openKeys(watched)), clock, allowances, ...claims })
    }
    const isAsked = settings.TOKENS_FILE !== '' || webTokens !== undefined
    this.authenticator = isAsked ? new Authenticator({ clock, tokens: () => tokens, webTokens }) : undefined
    this.certificates = await Certificates.open(watched)
    if (this.certificates !== undefined) opened(this.certificates)
  }
}

/** An address of the keys, else the path of their file. */
async function openKeys({
  settings,
  disk,
  clock,
  log,
  onFailure,
}: AccessOptions & { onFailure: () => void }): Promise<KeySet> {
  const place = settings.JWT_KEYS
  if (!/^https?:\/\//i.test(place))
    return FileKeySet.open({ disk, clock, log, path: place, bytesMax: BYTES_MAX, onFailure })
  const url = URL.canParse(place) ? new URL(place) : undefined
  if (url === undefined || url.username !== '' || (url.protocol === 'http:' && !isLoopback(url.hostname)))
    throw wrong('JWT_KEYS', 'must be a file, or an address with https')
  return RemoteKeySet.open({ address: url.href, clock, log, onFailure })
}

function claimsOf(settings: AccessSettings) {
  const issuer = settings.JWT_ISSUER
  const audience = settings.JWT_AUDIENCE
  // Without them a token that was made for any other service would be as good.
  if (issuer === '') throw wrong('JWT_ISSUER', 'must be given with DWELL_JWT_KEYS')
  if (audience === '') throw wrong('JWT_AUDIENCE', 'must be given with DWELL_JWT_KEYS')
  const algorithms = settings.JWT_ALGORITHMS.split(',').map((name) => name.trim())
  const foreign = algorithms.find((name) => !ALGORITHMS.includes(name))
  if (foreign !== undefined)
    throw wrong('JWT_ALGORITHMS', `has ${JSON.stringify(foreign)}; there are ${ALGORITHMS.join(', ')}`)
  return {
    issuer,
    audience,
    algorithms,
    rightsClaim: settings.JWT_RIGHTS_CLAIM,
    topicsClaim: settings.JWT_TOPICS_CLAIM,
  }
}

/** @throws ACCESS_UNDECIDED when anybody on the network could do anything, and nobody said that it is meant */
function checkDecided(settings: AccessSettings): void {
  const { HOST: host, TOKENS_FILE, JWT_KEYS, TLS_CLIENT_CA_FILE, OPEN_TO_ANYONE } = settings
  if (isLoopback(host) || OPEN_TO_ANYONE || TOKENS_FILE !== '' || JWT_KEYS !== '' || TLS_CLIENT_CA_FILE !== '') return
  throw new DwellError(
    'ACCESS_UNDECIDED',
    `On ${host} anybody who reaches this machine could read, publish and delete everything. Give DWELL_TOKENS_FILE ` +
      '(made by `dwell tokens create`) or DWELL_JWT_KEYS, or listen on 127.0.0.1; if it is meant to be open, say ' +
      'DWELL_OPEN_TO_ANYONE=true.',
    { host },
  )
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Whether only this machine can reach it. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  const family = isIP(bare)
  if (family !== 0) return LOOPBACK.check(bare, family === 4 ? 'ipv4' : 'ipv6')
  return bare === 'localhost' || bare.endsWith('.localhost')
}

function wrong(setting: string, what: string): DwellError {
  return new DwellError('INVALID_SETTING', `DWELL_${setting} ${what}.`, { setting: `DWELL_${setting}` })
}
