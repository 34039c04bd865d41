// Connections to endpoints: a pool for each, whose connector asks the allowed hosts before it dials. Loaded when there is the
// first endpoint, for undici takes its time.
//
// A name is looked up once a connection, and the addresses that were checked are those that are dialled; so a name that stands
// for another address a moment later gains nothing. SNI, certificate check and Host keep the name.
//
// Bounded beyond what undici does: an answer's bytes as they come in (what is neither header nor body, such as chunk extensions,
// it counts nowhere), and how long an idle socket is kept, whatever the endpoint asks for. That there are not too many of them is
// decided with each push (target.ts).

import type { LookupAddress } from 'node:dns'
import type { LookupFunction, Socket } from 'node:net'
import { buildConnector, type Dispatcher, Pool } from 'undici'
import { DwellError } from '../../storage/index.ts'
import type { AllowedHosts } from './allowed-hosts.ts'

/** The addresses of a name. */
export type Resolve = (name: string) => Promise<LookupAddress[]>

export interface ConnectionsOptions {
  /** At most so many sockets. */
  count: number
  /** For the look-up of the name, dialling and TLS. */
  connectMs: number
  hosts: AllowedHosts
  resolve: Resolve
  /** Told of each socket that is open from now on. */
  opened(socket: Socket): void
  /** Trusted instead of the well-known authorities. */
  ca?: string
}

const HEADERS_SIZE_MAX = 16 * 1024
/** An answer with all that frames it; exchange.ts reads less of its body. */
const ANSWER_RAW_SIZE_MAX = 256 * 1024
/** Shorter than the 5 s after which Node's and other servers close idle connections, so that a push seldom meets that moment. */
const IDLE_MS = 4_000

/** Sockets to the host of `url`; none is open yet. */
export function openPool(url: URL, options: ConnectionsOptions): Dispatcher {
  return new Pool(url.origin, {
    connections: options.count,
    pipelining: 1,
    connect: guardedConnector(options),
    keepAliveTimeout: IDLE_MS,
    // Whatever the endpoint says.
    keepAliveMaxTimeout: IDLE_MS,
    maxHeaderSize: HEADERS_SIZE_MAX,
    // exchange.ts bounds the whole, by the clock that it is given.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
}

function guardedConnector({ connectMs, hosts, resolve, opened, ca }: ConnectionsOptions): buildConnector.connector {
  const lookup: LookupFunction = (name, { all }, answer) => {
    resolve(name).then(
      (found) => {
        const allowed = found.filter(({ address }) => hosts.refusalOf(address) === undefined)
        const [first] = allowed
        if (first === undefined) answer(notAllowed(`${name} ${whyNot(hosts, found)}`), '', 0)
        else if (all) answer(null, allowed)
        else answer(null, first.address, first.family)
      },
      (error) => answer(error, '', 0),
    )
  }
  const connect = buildConnector({
    allowH2: false,
    timeout: connectMs,
    lookup,
    autoSelectFamily: true,
    ...(ca && { ca }),
  })
  return (options, answer) => {
    const { hostname } = options
    // Node looks no address up, so one never comes to lookup() above: that it is named is all that it needs.
    if (!hosts.names(hostname)) return answer(notAllowed(`${hostname} is not in PUSH_ALLOWED_HOSTS`), null)
    connect(options, (...[error, socket]) => {
      if (error) return answer(error, null)
      boundAnswers(socket)
      opened(socket)
      answer(null, socket)
    })
  }
}

/** Ends a socket on which more comes in after a request than an answer may have. One request is under way on it at a time. */
function boundAnswers(socket: Socket): void {
  let written = 0
  let readBefore = 0
  socket.prependListener('readable', () => {
    if (socket.bytesWritten !== written) {
      written = socket.bytesWritten
      readBefore = socket.bytesRead
    } else if (socket.bytesRead - readBefore > ANSWER_RAW_SIZE_MAX) socket.destroy(new Error('An answer without end.'))
  })
}

function whyNot(hosts: AllowedHosts, found: readonly LookupAddress[]): string {
  const [first] = found
  return first === undefined ? 'has no address' : `stands for ${first.address}, which ${hosts.refusalOf(first.address)}`
}

function notAllowed(sentence: string): DwellError {
  return new DwellError('PUSH_HOST_NOT_ALLOWED', `${sentence}.`, {})
}
