// What each connection of clients is used for: since when, when last, and by how many requests just now. So that when they
// become too many it is known whom nobody would miss.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Clock } from '../../storage/index.ts'

interface Use {
  /** Below TLS, where there is that. */
  socket: Socket
  /** When it was opened, and from its first request on when it was last used. */
  sinceMs: number
  /** Whether a request ever came. */
  wasUsed: boolean
  /** Requests without their answer. */
  underWay: number
  /** Called for each answer; one for all of them, so that a request makes none. */
  answered: () => void
}

export class ConnectionUses {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  /** By both ends of the connection: a socket of TLS does not say which one it lies over. */
  readonly #uses = new Map<string, Use>()
  readonly #ofSocket = new WeakMap<Socket, Use>()

  constructor(server: Server, clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
    if (server instanceof TlsServer) {
      server.on('secureConnection', (socket: Socket) => {
        const use = this.#uses.get(endsOf(socket))
        if (use !== undefined) this.#ofSocket.set(socket, use)
      })
    }
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const use = this.#ofSocket.get(request.socket)
      if (use === undefined) return
      use.wasUsed = true
      use.underWay++
      response.once('close', use.answered)
    })
  }

  /** How many are open. */
  get count(): number {
    return this.#uses.size
  }

  opened(socket: Socket): void {
    const use: Use = {
      socket,
      sinceMs: this.#clock.monotonicMs(),
      wasUsed: false,
      underWay: 0,
      answered: () => {
        use.underWay--
        use.sinceMs = this.#clock.monotonicMs()
      },
    }
    const ends = endsOf(socket)
    this.#uses.set(ends, use)
    this.#ofSocket.set(socket, use)
    socket.once('close', () => this.#uses.delete(ends))
  }

  /**
   * Those without a request under way whom it hurts least to lose, at most `count`: first those on which none ever came in
   * `silentMs`, then those that were not used for `idleMs`, in each case the longest first.
   */
  dispensable(count: number, silentMs: number, idleMs: number): Socket[] {
    const nowMs = this.#clock.monotonicMs()
    const fits = ({ wasUsed, underWay, sinceMs }: Use) =>
      underWay === 0 && nowMs - sinceMs >= (wasUsed ? idleMs : silentMs)
    return [...this.#uses.values()]
      .filter(fits)
      .sort((a, b) => Number(a.wasUsed) - Number(b.wasUsed) || a.sinceMs - b.sinceMs)
      .slice(0, count)
      .map(({ socket }) => socket)
  }
}

function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
