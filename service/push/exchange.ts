// One exchange with an endpoint: a request, and as much of the answer as is of use.
//
// Always true:
//   1. It ends: with an answer, or at the latest when its time is over, however slowly the endpoint drips.
//   2. At most ANSWER_SIZE_MAX bytes of a body are read, as they are (nothing is unpacked), and TEXT_SIZE of them kept. What
//      would be more is cut off by closing the socket; the answer counts. What frames a body is bounded by connections.ts.
//   3. An answer that breaks off, or that is not over in time, is none: nobody knows whether the endpoint was done.
//   4. No redirect is followed.

import type { Dispatcher } from 'undici'
import { type Clock, DwellError } from '../../storage/index.ts'
import type { PushRequest } from './push-request.ts'

const ANSWER_SIZE_MAX = 64 * 1024
const TEXT_SIZE = 1024

export interface Answer {
  status: number
  /** Header fields; the last of those that come twice. */
  retryAfter: string | undefined
  acknowledge: string | undefined
  /** How the body begins. */
  text: string
}

export type Exchange =
  | { kind: 'answer'; answer: Answer }
  /** Not over in time. */
  | { kind: 'timeout' }
  /** No connection, no answer, or half of one. */
  | { kind: 'unreachable'; why: string }
  /** The connector refused to dial. */
  | { kind: 'denied'; why: string }

export interface ExchangeOptions {
  clock: Clock
  timeoutMs: number
  /** Whether the socket is not to be used again. */
  closesSocket: boolean
}

/** Sends `request` to `path` of the pool's host. Never rejects. */
export function exchange(
  pool: Dispatcher,
  path: string,
  { headers, body }: PushRequest,
  { clock, timeoutMs, closesSocket }: ExchangeOptions,
): Promise<Exchange> {
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined
    let ended = false
    const answer: Answer = { status: 0, retryAfter: undefined, acknowledge: undefined, text: '' }
    const parts: Buffer[] = []
    let size = 0
    const end = (result: Exchange) => {
      if (ended) return
      ended = true
      timer.cancel()
      resolve(result)
    }
    const finish = () => {
      answer.text = Buffer.concat(parts).subarray(0, TEXT_SIZE).toString()
      end({ kind: 'answer', answer })
    }
    const abort = () => controller?.abort(new Error('The exchange is over.'))
    const timer = clock.setTimer(() => {
      end({ kind: 'timeout' })
      abort()
    }, timeoutMs)
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: (given) => {
        controller = given
        // It waited for its connection too long.
        if (ended) abort()
      },
      onResponseStart: (_, status, fields) => {
        answer.status = status
        answer.retryAfter = lastOf(fields['retry-after'])
        answer.acknowledge = lastOf(fields['dwell-acknowledge'])
      },
      onResponseData: (_, chunk) => {
        if (size < TEXT_SIZE) parts.push(chunk)
        size += chunk.length
        if (size <= ANSWER_SIZE_MAX) return
        finish()
        abort()
      },
      onResponseEnd: finish,
      onResponseError: (_, error) => end(failed(error)),
    }
    try {
      pool.dispatch({ method: 'POST', path, headers, body, reset: closesSocket }, handler)
    } catch (error) {
      end(failed(error))
    }
  })
}

function lastOf(field: string | string[] | undefined): string | undefined {
  return Array.isArray(field) ? field.at(-1) : field
}

function failed(error: unknown): Exchange {
  if (error instanceof DwellError && error.code === 'PUSH_HOST_NOT_ALLOWED')
    return { kind: 'denied', why: error.message }
  const { code, message } = error as NodeJS.ErrnoException
  const inner = error instanceof AggregateError ? (error.errors[0] as Error | undefined)?.message : undefined
  return { kind: 'unreachable', why: [code, message || inner].filter(Boolean).join(': ') }
}
