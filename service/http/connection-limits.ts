// Connections: how many there may be in all and from one address, and who is to go when they become many.
//
// A flood of them is cheap to open and costs memory and descriptors here. Beyond the number in all the operating system's
// connection is closed unanswered (Node's `maxConnections`); beyond that of an address it is told why, but for TLS.
//
// Always true:
//   1. When most of them are taken, idle ones are kept for seconds only, and clients are told so.
//   2. When nearly all are, those are closed that nobody would miss: first those on which no request ever came, then those
//      idle longest. None on which a request is under way, and none that was used within the last seconds: on that its
//      client may be sending the next request just now.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Clock } from '../../storage/index.ts'
import { networkOf } from '../access/client-network.ts'
import { answerOnSocket } from './client-errors.ts'
import { ConnectionUses } from './connection-uses.ts'

export const KEEP_ALIVE_MS = 72_000
const KEEP_ALIVE_CROWDED_MS = 5_000
/** Time enough to send a request, also over TLS and from far away. */
const SILENT_MS = 2_000
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
  /** Called for each that was not taken, or had to make room. */
  onDrop: () => void
}

/** Holds `server` to the limits from now on. */
export function limitConnections({ server, clock, max, ofAddressMax, onDrop }: ConnectionLimitsOptions): void {
  const byNetwork = new Map<string, number>()
  const uses = new ConnectionUses(server, clock)
  let sweptAtMs = Number.NEGATIVE_INFINITY
  const isTls = server instanceof TlsServer

  const relieve = () => {
    server.keepAliveTimeout = uses.count > CROWDED_SHARE * max ? KEEP_ALIVE_CROWDED_MS : KEEP_ALIVE_MS
    const tooMany = Math.ceil(uses.count - FULL_SHARE * max)
    if (tooMany <= 0 || clock.monotonicMs() - sweptAtMs < SWEEP_MS) return
    sweptAtMs = clock.monotonicMs()
    for (const socket of uses.dispensable(tooMany, SILENT_MS, KEEP_ALIVE_CROWDED_MS)) {
      onDrop()
      socket.destroy()
    }
  }

  server.maxConnections = max
  server.on('drop', () => {
    onDrop()
    relieve()
  })
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
    uses.opened(socket)
    relieve()
    socket.once('close', () => {
      const left = (byNetwork.get(network) ?? 1) - 1
      if (left > 0) byNetwork.set(network, left)
      else byNetwork.delete(network)
      relieve()
    })
  })
}
