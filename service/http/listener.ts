// The port: open before the log is recovered, so that whoever asks is told what a start is at, and until the last answer of a
// stop is out.
//
// Always true:
//   1. Until the routes are ready and serve() is called, no request goes further than this file: /healthz says that the service
//      is alive, /readyz and all else answer 503 with what is waited for, and the connection is closed.
//   2. What had arrived at this machine when a stop began is answered. From then on every answer closes its connection.
//   3. A stop waits for nobody who has sent nothing: connections without a request are closed, also those that were never used.
//   4. The port closes before anybody who waits is told to go: who comes straight back is refused a connection, and knows that
//      nothing happened, in place of being cut off in the line of those that are not accepted yet.
//
// Closing a port resets all whose connection is made and not accepted. So while it closes, requests are held back: nobody who
// has no answer comes again, the line runs empty, and the port is closed in the turn of the event loop in which it is.

import {
  createServer as createPlainServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, Server as PlainSocketServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { type Clock, DwellError, type Log } from '../../storage/index.ts'
import type { Certificates } from '../access/certificates.ts'
import { type ErrorCode, errorRow } from '../errors.ts'
import type { Settings } from '../settings.ts'
import type { Readiness } from '../start/readiness.ts'
import { answerClientError, answerConnect } from './client-errors.ts'
import { KEEP_ALIVE_MS, limitConnections } from './connection-limits.ts'
import { PROBLEM_TYPE, problemDocument } from './problems.ts'
import type { ServedHosts } from './served-hosts.ts'
import { giveUpUnread } from './unread-answers.ts'

const HEADERS_TIMEOUT_MS_MAX = 10_000
/** How often Node looks for requests that take too long; its default of 30 s would make the limits above as coarse. */
const TIMEOUT_CHECK_MS = 2_000
/** In one a connection is accepted, in the next its bytes are read, in the one after what TLS made of them; and one to spare. */
const ARRIVAL_TURNS = 4
/** As long as a client that has its answer, and a busy machine, may take to send the next request: some 20 ms. */
const NEXT_REQUEST_TURNS = 2_500
/** Of those in which something arrived, before a port closes whatever arrives: a second or less. */
const BUSY_TURNS_MAX = 2_000
/** How often it is said at most that connections cannot be taken; each counts. */
const COMPLAINT_MS = 10_000
/** How often a stop looks for connections whose last answer went out without saying that it is the last. */
const SWEEP_MS = 100

export interface ListenerOptions {
  settings: Settings
  /** With them HTTPS is served, and plain HTTP is not. */
  certificates: Certificates | undefined
  hosts: ServedHosts
  clock: Clock
  log: Log
  readiness: Readiness
  /** The most connections there may be. */
  connectionsMax: number
  /** Called for each connection that was not taken, or was given up. */
  onDrop: () => void
}

/** What answers when the service is ready: fastify. */
export interface Routes {
  routing: RequestListener
  /** From then on each answer says that its connection closes. */
  close(): PromiseLike<unknown>
}

export class Listener {
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #handle: RequestListener
  #routes: Routes | undefined
  #address = ''
  /** Connections and requests that arrived so far. */
  #arrivals = 0
  /** Requests that are not given to anybody yet, while the port closes. */
  #held: (() => void)[] | undefined
  #refused: Promise<void> | undefined
  #complainedMs = Number.NEGATIVE_INFINITY
  #closed: Promise<void> | undefined

  private constructor(options: ListenerOptions) {
    const { settings, certificates, clock, connectionsMax, onDrop } = options
    this.#options = options
    this.#handle = (request, response) => this.#answerEarly(request, response)
    const handle: RequestListener = (request, response) => {
      this.#arrivals++
      if (this.#held === undefined) this.#handle(request, response)
      else this.#held.push(() => this.#handle(request, response))
    }
    const node = {
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS_MAX, settings.REQUEST_TIMEOUT),
      requestTimeout: settings.REQUEST_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      // Refused by us, in words: see request-form.ts.
      requireHostHeader: false,
    }
    if (certificates === undefined) this.#server = createPlainServer(node, handle)
    else {
      const server = createTlsServer({ ...node, ...certificates.tlsOptions }, handle)
      certificates.onChange = (context) => server.setSecureContext(context)
      this.#server = server
    }
    this.#server.on('checkExpectation', handle)
    this.#server.on('connect', (_request, socket) => answerConnect(socket as Socket))
    this.#server.on('clientError', answerClientError)
    this.#server.on('connection', (socket: Socket) => {
      this.#arrivals++
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    const ofAddressMax = settings.ADDRESS_CONNECTIONS_MAX || connectionsMax
    limitConnections({ server: this.#server, clock, max: connectionsMax, ofAddressMax, onDrop })
    giveUpUnread({ server: this.#server, clock, withinMs: settings.ANSWER_TIMEOUT, onDrop })
  }

  /**
   * Listens, and answers for a service that is starting.
   * @throws ADDRESS_NOT_AVAILABLE
   */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options)
    await listener.#listen()
    return listener
  }

  /** Where it listens: `http://127.0.0.1:7200`. */
  get address(): string {
    return this.#address
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size
  }

  /** From now on requests go to `routes`. */
  serve(routes: Routes): void {
    this.#routes = routes
    this.#handle = routes.routing
  }

  /** Goes on answering, each connection for the last time: its client finds the next service, or none, on a new one. */
  async retire(): Promise<void> {
    await this.#routes?.close()
    this.#routes = undefined
  }

  /** Takes no more connections, and goes on answering on those that there are. */
  refuse(): Promise<void> {
    this.#refused ??= this.#refuse()
    return this.#refused
  }

  /** Takes no more connections; resolves when the last answer is out, or was cut off because it took too long. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #refuse(): Promise<void> {
    await this.retire()
    this.#held = []
    await this.#quiet(ARRIVAL_TURNS)
    // Not the server's own close(), which closes idle connections with it: on those the next request may be on its way.
    PlainSocketServer.prototype.close.call(this.#server)
    const held = this.#held
    this.#held = undefined
    for (const handle of held) handle()
    await this.#quiet(NEXT_REQUEST_TURNS)
  }

  /** Resolves when nothing has arrived for so many turns of the event loop. */
  async #quiet(turns: number): Promise<void> {
    for (let quiet = 0, busy = 0; quiet < turns && busy < BUSY_TURNS_MAX; ) {
      const before = this.#arrivals
      await turn()
      if (this.#arrivals === before) quiet++
      else {
        quiet = 0
        busy++
      }
    }
  }

  async #close(): Promise<void> {
    const { clock, log, settings } = this.#options
    await this.refuse()
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy()
    let isOver = false
    const sweep = () => {
      if (isOver) return
      this.#server.closeIdleConnections()
      clock.setTimer(sweep, SWEEP_MS)
    }
    sweep()
    const cut = clock.setTimer(() => {
      log.warn({ connections: this.#sockets.size }, 'Requests still under way are cut off.')
      for (const socket of this.#sockets) socket.destroy()
    }, settings.STOP_TIMEOUT)
    await closed
    isOver = true
    cut.cancel()
  }

  async #listen(): Promise<void> {
    const { HOST: host, PORT: port } = this.#options.settings
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject)
        this.#server.listen({ host, port }, () => {
          this.#server.off('error', reject)
          resolve()
        })
      })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error
      const todo =
        (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
          ? ' Another process has it: stop that one, or choose another port with DWELL_PORT or --port.'
          : ''
      const sentence = `Cannot listen on ${host}, port ${port}: ${(error as Error).message}.${todo}`
      throw new DwellError('ADDRESS_NOT_AVAILABLE', sentence, { host, port }, error)
    }
    this.#server.on('error', (error) => this.#complain(error))
    const { address, family, port: taken } = this.#server.address() as AddressInfo
    const scheme = this.#options.certificates === undefined ? 'http' : 'https'
    this.#address = `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${taken}`
  }

  /** The system could not hand over a connection (no memory, a rule against it): the others are served on. */
  #complain(error: Error): void {
    const { clock, log, onDrop } = this.#options
    onDrop()
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#complainedMs < COMPLAINT_MS) return
    this.#complainedMs = nowMs
    log.error({ error: error.message }, 'A connection could not be taken.')
  }

  /** For a service that is not ready yet. Of a body nothing is read. */
  #answerEarly(request: IncomingMessage, response: ServerResponse): void {
    const { hosts, readiness } = this.#options
    response.setHeader('connection', 'close')
    response.setHeader('retry-after', '1')
    try {
      hosts.check(request.headers)
    } catch (error) {
      if (!(error instanceof DwellError)) throw error
      sendProblem(response, error.code as ErrorCode, error.message)
      return
    }
    const path = request.url?.split('?')[0]
    const why = readiness.whyNot() ?? 'The service is starting.'
    if (path === '/healthz') sendJson(response, 200, JSON.stringify({ alive: true }))
    else if (path === '/readyz') sendJson(response, 503, JSON.stringify({ ready: false, why }))
    else sendProblem(response, 'STARTING', why)
  }
}

function sendJson(response: ServerResponse, status: number, document: string): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(document)
}

function sendProblem(response: ServerResponse, code: ErrorCode, detail: string): void {
  const { status } = errorRow(code)
  response.writeHead(status, { 'content-type': PROBLEM_TYPE }).end(problemDocument(code, detail))
}
