// Connections: how many there may be in all and from one address, and how long idle ones are kept when they become many.
//
// A flood of them is cheap to open and costs memory and descriptors here. Beyond the number in all the operating system's
// connection is closed unanswered (Node's `maxConnections`); beyond that of an address it is told why, but for TLS. When most of them are
// taken, idle ones are kept for seconds only, and when nearly all are, those that are idle now are closed: a client opens
// another for its next request.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Clock } from '../../storage/index.ts'
import { networkOf } from '../access/failed-attempts.ts'
import { answerOnSocket } from './client-errors.ts'

export const KEEP_ALIVE_MS = 72_000
const KEEP_ALIVE_CROWDED_MS = 5_000
/** Of all connections that there may be. */
const CROWDED_SHARE = 0.75
const FULL_SHARE = 0.9
const SWEEP_MS = 1_000

export interface ConnectionLimitsOptions {
  server: Server
  clock: Pick<Clock, 'monotonicMs'>
  /** In all. */
  max: number
  /** From one address, or one network of IPv6. */
  ofAddressMax: number
  /** Called for each that was not taken. */
  onDrop: () => void
}

/** Holds `server` to the limits from now on. */
export function limitConnections({ server, clock, max, ofAddressMax, onDrop }: ConnectionLimitsOptions): void {
  const byNetwork = new Map<string, number>()
  let open = 0
  let sweptAtMs = Number.NEGATIVE_INFINITY
  const isTls = server instanceof TlsServer
  server.maxConnections = max
  server.on('drop', onDrop)

  const relieve = () => {
    server.keepAliveTimeout = open > CROWDED_SHARE * max ? KEEP_ALIVE_CROWDED_MS : KEEP_ALIVE_MS
    if (open <= FULL_SHARE * max || clock.monotonicMs() - sweptAtMs < SWEEP_MS) return
    sweptAtMs = clock.monotonicMs()
    server.closeIdleConnections()
  }

  server.on('connection', (socket: Socket) => {
    const network = networkOf(socket.remoteAddress ?? '')
    const ofNetwork = byNetwork.get(network) ?? 0
    if (ofNetwork >= ofAddressMax) {
      onDrop()
      // Before hands are shaken there is nobody to be told anything.
      if (isTls) socket.destroy()
      else answerOnSocket(socket, 'TOO_MANY_CONNECTIONS', `Your address has ${ofAddressMax} connections open.`)
      return
    }
    byNetwork.set(network, ofNetwork + 1)
    open++
    relieve()
    socket.once('close', () => {
      open--
      const left = (byNetwork.get(network) ?? 1) - 1
      if (left > 0) byNetwork.set(network, left)
      else byNetwork.delete(network)
      relieve()
    })
  })
}
