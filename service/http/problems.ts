// Errors as clients see them: problem documents (RFC 9457), each with a code out of service/errors.ts.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { DwellError, type Log } from '../../storage/index.ts'
import { type ErrorCode, errorRow } from '../errors.ts'
import { requestContext, traceIdOf } from '../tracing/trace-context.ts'
import { type RequestPart, type Violation, violationError } from './violations.ts'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** What fastify and Node refuse by themselves, in our words. */
const FOREIGN_CODES: Record<string, { code: ErrorCode; sentence: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'REQUEST_TOO_LARGE', sentence: 'The request body is larger than is allowed.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'INVALID_REQUEST',
    sentence: 'The body is not as long as Content-Length says.',
  },
  FST_ERR_BAD_URL: { code: 'INVALID_URL', sentence: 'The URL cannot be decoded.' },
  FST_ERR_MAX_PARAM_LENGTH: { code: 'INVALID_URL', sentence: 'A part of the URL is too long.' },
}

/** Refusals that come by the thousand while they last. The metrics count them; a log would fill the disk with them. */
const COUNTED_ONLY: ReadonlySet<string> = new Set<ErrorCode>([
  'OVERLOADED',
  'DISK_LOW',
  'CLOCK_WRONG',
  'KEYS_UNAVAILABLE',
])

const READ_OUT_BYTES_MAX = 64 * 1024

export interface ProblemsOptions {
  log: Log
  requestBytesMax: number
  /** Told the code of each problem that is sent. */
  onProblem: (code: string) => void
}

export class Problems {
  readonly #options: ProblemsOptions

  constructor(options: ProblemsOptions) {
    this.#options = options
  }

  /** Sends an error as a problem document. What is nobody's but our fault is told only to the log. */
  send(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { log, requestBytesMax, onProblem } = this.#options
    const known = knownError(error, request, requestBytesMax)
    const { code, message, fields } = known ?? new DwellError('INTERNAL', 'The service failed; its log says why.')
    const { status } = errorRow(code)
    onProblem(code)
    if (status >= 500 && !COUNTED_ONLY.has(code)) {
      const context = requestContext(request.headers)
      const where = {
        method: request.method,
        route: request.routeOptions.url,
        code,
        requestId: request.id,
        traceId: context && traceIdOf(context),
      }
      if (known === undefined) log.error({ ...where, error: describe(error) }, 'A request failed.')
      else log.warn({ ...where, detail: message }, 'A request was refused.')
    }
    const { retryAfterSeconds, ...facts } = fields
    reply.header('x-request-id', request.id)
    if (status === 429 || status === 503 || retryAfterSeconds !== undefined)
      reply.header('retry-after', String(retryAfterSeconds ?? 1))
    if (status === 405) reply.header('allow', String(facts.allow))
    if (status === 415 && facts.accepted !== undefined) reply.header('accept', String(facts.accepted))
    if (status === 401) reply.header('www-authenticate', 'Bearer realm="dwell"')
    // A body that was not read to its end would be taken for the next request, and so might be what lies behind a form that
    // others read differently.
    const isDoubtful = status === 413 || status === 408 || code === 'INVALID_REQUEST'
    if (isDoubtful || isMuchToCome(request)) reply.header('connection', 'close')
    reply
      .code(status)
      .header('content-type', PROBLEM_TYPE)
      // It repeats what was asked for; no browser is to take that for a page.
      .header('x-content-type-options', 'nosniff')
      .serializer((document) => document as string)
      .send(problemDocument(code, message, facts))
  }
}

/** The body of an answer that refuses: `detail` is the sentence, `facts` are the fields that help a machine. */
export function problemDocument(code: string, detail: string | undefined, facts: Record<string, unknown> = {}): string {
  const { status, title } = errorRow(code)
  return JSON.stringify({ type: `/docs/errors/${code}`, title, status, code, detail, ...facts })
}

/** Whether more of a body is still to come than is worth reading only to keep the connection. */
function isMuchToCome({ raw }: FastifyRequest): boolean {
  if (raw.complete) return false
  const length = raw.headers['content-length']
  return length === undefined ? raw.headers['transfer-encoding'] !== undefined : Number(length) > READ_OUT_BYTES_MAX
}

function knownError(error: unknown, request: FastifyRequest, requestBytesMax: number): DwellError | undefined {
  if (error instanceof DwellError) return error
  const { code, validation, validationContext, statusCode, message } = error as FastifyError
  if (validation !== undefined) {
    return violationError(validation as unknown as Violation[], (validationContext ?? 'body') as RequestPart, request)
  }
  const foreign = FOREIGN_CODES[code]
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new DwellError(foreign.code, `The request body is larger than ${requestBytesMax} bytes.`, {
      limit: requestBytesMax,
    })
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' || code === 'FST_ERR_CTP_EMPTY_TYPE') return wrongContentType(request)
  if (foreign !== undefined) return new DwellError(foreign.code, foreign.sentence)
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new DwellError('INVALID_REQUEST', message)
  return undefined
}

/** All that any route takes, but for /raw, which takes whatever comes. */
const CONTENT_TYPES = ['application/json', 'application/x-ndjson']

function wrongContentType({ headers, server }: FastifyRequest): DwellError {
  const taken = CONTENT_TYPES.filter((type) => server.hasContentTypeParser(type))
  const given = headers['content-type']
  const sentence = given === undefined ? 'The Content-Type is missing' : 'This Content-Type is not taken here'
  const more = taken.length === 1 ? '' : ', one message a line'
  return new DwellError('UNSUPPORTED_MEDIA_TYPE', `${sentence}; send ${taken.join(', or ')}${more}.`, {
    accepted: taken.join(', '),
  })
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
