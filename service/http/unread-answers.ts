// Answers that nobody reads: a client that asks for a long page, or for many answers, and leaves them in its socket holds the
// memory of what waits for it here. What waits all the while, and moves on by less than LEAST_BYTES_A_SECOND, is given up
// with its connection. What the operating system took counts as read: it holds some megabytes of it, and takes more when a good
// part of those is read.
//
// Always true: a connection on which nothing waits to be read is none of ours, however long it is idle or waits for an answer.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Clock } from '../../storage/index.ts'

const LEAST_BYTES_A_SECOND = 1024
/** So often within the time. */
const LOOKS = 4

export interface UnreadAnswersOptions {
  server: Server
  clock: Pick<Clock, 'monotonicMs' | 'setTimer'>
  /** How long an answer may be left unread. */
  withinMs: number
  /** Called for each connection that was given up. */
  onDrop: () => void
}

/** Looks at the answers of `server` from now on. */
export function giveUpUnread({ server, clock, withinMs, onDrop }: UnreadAnswersOptions): void {
  const open = new Set<Socket>()
  /** Of those on which something waits: since when, and what was out by then. */
  const waiting = new Map<Socket, { sinceMs: number; outBytes: number }>()

  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => {
      open.delete(socket)
      waiting.delete(socket)
    })
  })

  const look = () => {
    const nowMs = clock.monotonicMs()
    for (const socket of open) {
      const unread = socket.writableLength
      if (unread === 0) {
        waiting.delete(socket)
        continue
      }
      const outBytes = bytesTaken(socket)
      const known = waiting.get(socket)
      if (known !== undefined && nowMs - known.sinceMs < withinMs) continue
      const isStuck =
        known !== undefined && (outBytes - known.outBytes) * 1000 < LEAST_BYTES_A_SECOND * (nowMs - known.sinceMs)
      if (isStuck) {
        onDrop()
        socket.destroy()
      } else waiting.set(socket, { sinceMs: nowMs, outBytes })
    }
    timer = clock.setTimer(look, withinMs / LOOKS)
  }
  let timer = clock.setTimer(look, withinMs / LOOKS)
  server.once('close', () => timer.cancel())
}

/** What Node looks at too, for its own time-out of sockets: no public name tells how much of one long write is out. */
interface WithHandle {
  _handle?: { bytesWritten?: number; writeQueueSize?: number } | null
  /** Of TLS: the socket that it lies over. */
  _parent?: WithHandle
}

/** How much the operating system took of what was written to `socket`; with TLS, enciphered. */
function bytesTaken(socket: Socket & WithHandle): number {
  const { bytesWritten = 0, writeQueueSize = 0 } = (socket._parent ?? socket)._handle ?? {}
  return bytesWritten - writeQueueSize
}
