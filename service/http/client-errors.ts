// What is no HTTP request at all, or never ends: answered on the bare connection, which is then closed.

import type { Socket } from 'node:net'
import { ERRORS, type ErrorCode } from '../errors.ts'
import { PROBLEM_TYPE, problemDocument } from './problems.ts'

const REASONS: Record<number, string> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
}
const DETAILS: Partial<Record<ErrorCode, string>> = {
  REQUEST_TIMEOUT: 'The request did not arrive in time.',
  HEADERS_TOO_LARGE: 'The request line and headers are larger than 16 KiB.',
  INVALID_REQUEST: 'What arrived is not an HTTP request.',
}

/** Node's 'clientError'. A connection that was reset gets no answer. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const code = codeOf(error.code)
  answerOnSocket(socket, code, DETAILS[code])
}

/** Node's 'connect': a client that takes this service for a proxy. The connection is nobody's from here on. */
export function answerConnect(socket: Socket): void {
  socket.on('error', () => socket.destroy())
  answerOnSocket(socket, 'INVALID_REQUEST', 'This service is no proxy: it takes no CONNECT.')
}

/** Sends a problem document on a connection that no request is read from, and closes it. */
export function answerOnSocket(socket: Socket, code: ErrorCode, detail: string | undefined): void {
  const { status } = ERRORS[code]
  const body = problemDocument(code, detail)
  const retry = status === 429 ? 'Retry-After: 1\r\n' : ''
  socket.write(
    `HTTP/1.1 ${status} ${REASONS[status]}\r\nContent-Type: ${PROBLEM_TYPE}\r\n${retry}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
  // Not end(): who does not hang up would hold the connection, and nobody looks after it any more.
  socket.destroySoon()
}

function codeOf(code: string | undefined): 'REQUEST_TIMEOUT' | 'HEADERS_TOO_LARGE' | 'INVALID_REQUEST' {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST_TIMEOUT'
  return code === 'HPE_HEADER_OVERFLOW' ? 'HEADERS_TOO_LARGE' : 'INVALID_REQUEST'
}
