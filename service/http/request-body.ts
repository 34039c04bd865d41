// The body of a request to publish, as bytes. A large one lies in a buffer out of a pool: 160 MB/s of fresh buffers would
// make for a full garbage collection three times a second.
//
// Always true: what was read out of a body refers to its bytes until it is durable, so it is released only then. A body
// that is never released is left to the garbage collector.

import { errorCodes, type FastifyRequest } from 'fastify'
import { type BufferPool, DwellError, type PooledBuffer } from '../../storage/index.ts'
import type { ArrivingBytes } from './arriving-bytes.ts'
import type { Arriving, SlowBodies } from './slow-bodies.ts'

/** A smaller body shares a buffer with others, as Node makes small buffers. */
const POOLED_BYTES_MIN = 4 * 1024

export class RequestBody {
  readonly bytes: Buffer
  readonly #pooled: PooledBuffer | undefined

  constructor(bytes: Buffer, pooled?: PooledBuffer) {
    this.bytes = bytes
    this.#pooled = pooled
  }

  /** Nobody refers to the bytes any more. */
  release(): void {
    this.#pooled?.release()
  }
}

type Taken = (error: Error | null, body?: RequestBody) => void
type BodyTaker = (request: FastifyRequest, payload: NodeJS.ReadableStream, taken: Taken) => void

const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/i

export interface BodyTakerOptions {
  pool: BufferPool
  /** The largest that is taken. */
  bytesMax: number
  /** Whether there is room for what arrives. */
  arriving: ArrivingBytes
  /** Cuts off what arrives too slowly. */
  slow: SlowBodies
}

/** A content type parser of fastify that takes in bodies. */
export function bodyTaker({ pool, bytesMax, arriving, slow }: BodyTakerOptions): BodyTaker {
  return (request, payload, taken) => {
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      throw new DwellError('UNSUPPORTED_CONTENT_ENCODING', 'Send the body without Content-Encoding.')
    }
    const length = Number(request.headers['content-length'] ?? 0)
    if (length > bytesMax) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
    let room = length
    arriving.take(room)
    const chunks: Buffer[] = []
    const end = (error: Error | null, body?: RequestBody) => {
      payload.off('data', take).off('end', finish).off('error', fail)
      slow.end(coming)
      arriving.giveBack(room)
      request.caller.allowance?.spendBytes(coming.size)
      taken(error, body)
    }
    const coming: Arriving = { size: 0, cut: end }
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      const size = (coming.size += chunk.length)
      if (size > bytesMax) return end(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE())
      if (size <= room) return
      // Of a body that does not say how long it is.
      try {
        arriving.take(size - room)
        room = size
      } catch (error) {
        end(error as Error)
      }
    }
    const finish = () => end(null, bodyOf(chunks, coming.size, pool))
    const fail = (error: Error) => end(Object.assign(error, { statusCode: 400 }))
    slow.begin(coming)
    payload.on('data', take).on('end', finish).on('error', fail)
  }
}

/** `take` for bodies that are read as text: none in another coding than UTF-8, whose letters would be taken for others. */
export function textTaker(take: BodyTaker): BodyTaker {
  return (request, payload, taken) => {
    const charset = CHARSET.exec(request.headers['content-type'] ?? '')?.[1].toLowerCase()
    if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') {
      const accepted = 'application/json; charset=utf-8'
      throw new DwellError('UNSUPPORTED_MEDIA_TYPE', 'The charset of the body must be utf-8.', { accepted })
    }
    take(request, payload, taken)
  }
}

function bodyOf(chunks: readonly Buffer[], size: number, pool: BufferPool): RequestBody {
  if (size < POOLED_BYTES_MIN) return new RequestBody(Buffer.concat(chunks, size))
  const pooled = pool.take(size)
  let at = 0
  for (const chunk of chunks) at += chunk.copy(pooled.bytes, at)
  return new RequestBody(pooled.bytes.subarray(0, size), pooled)
}
