// Errors as clients see them: problem documents (RFC 9457), each with a code out of service/errors.ts.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { DwellError, type Log } from '../../storage/index.ts'
import { type ErrorCode, errorRow } from '../errors.ts'

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** What fastify and Node refuse by themselves, in our words. */
const FOREIGN_CODES: Record<string, { code: ErrorCode; sentence: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'REQUEST_TOO_LARGE', sentence: 'The request body is larger than is allowed.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: 'UNSUPPORTED_MEDIA_TYPE', sentence: 'Send application/json.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'INVALID_REQUEST',
    sentence: 'The body is not as long as Content-Length says.',
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'INVALID_JSON', sentence: 'The body is empty; it must be JSON.' },
  FST_ERR_CTP_EMPTY_TYPE: { code: 'UNSUPPORTED_MEDIA_TYPE', sentence: 'The Content-Type is missing.' },
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
    const known = knownError(error, requestBytesMax)
    const { code, message, fields } = known ?? new DwellError('INTERNAL', 'The service failed; its log says why.')
    const { status, title } = errorRow(code)
    onProblem(code)
    if (status >= 500 && !COUNTED_ONLY.has(code)) {
      const where = { method: request.method, route: request.routeOptions.url, code, requestId: request.id }
      if (known === undefined) log.error({ ...where, error: describe(error) }, 'A request failed.')
      else log.warn({ ...where, detail: message }, 'A request was refused.')
    }
    const { retryAfterSeconds, ...facts } = fields
    reply.header('x-request-id', request.id)
    if (status === 503 || retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds ?? 1))
    if (status === 401) reply.header('www-authenticate', 'Bearer realm="dwell"')
    // A body that was not read to its end would be taken for the next request.
    if (status === 413 || status === 408 || isMuchToCome(request)) reply.header('connection', 'close')
    reply
      .code(status)
      .header('content-type', PROBLEM_TYPE)
      .serializer((document) => document as string)
      .send(JSON.stringify({ type: `/docs/errors/${code}`, title, status, code, detail: message, ...facts }))
  }
}

/** Whether more of a body is still to come than is worth reading only to keep the connection. */
function isMuchToCome({ raw }: FastifyRequest): boolean {
  if (raw.complete) return false
  const length = raw.headers['content-length']
  return length === undefined ? raw.headers['transfer-encoding'] !== undefined : Number(length) > READ_OUT_BYTES_MAX
}

function knownError(error: unknown, requestBytesMax: number): DwellError | undefined {
  if (error instanceof DwellError) return error
  const { code, validation, statusCode, message } = error as FastifyError
  if (validation !== undefined) return validationError(error as FastifyError)
  const foreign = FOREIGN_CODES[code]
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new DwellError(foreign.code, `The request body is larger than ${requestBytesMax} bytes.`, {
      limit: requestBytesMax,
    })
  }
  if (foreign !== undefined) return new DwellError(foreign.code, foreign.sentence)
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new DwellError('INVALID_REQUEST', message)
  return undefined
}

interface Violation {
  keyword: string
  instancePath: string
  params: Record<string, unknown>
  message?: string
}

/** A body, a query or a path that does not keep its schema. */
function validationError(error: FastifyError): DwellError {
  const violations = error.validation as unknown as Violation[]
  const part = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'body')
  const unknown = violations.find(
    ({ keyword }) => keyword === 'additionalProperties' || keyword === 'unevaluatedProperties',
  )
  if (unknown !== undefined) {
    const name = String((unknown.params.additionalProperties as string[] | undefined)?.[0] ?? '').slice(0, 100)
    const field = pathOf(unknown.instancePath, name)
    return new DwellError('UNKNOWN_FIELD', `There is no field ${field} in this ${part}.`, { field })
  }
  const missing = violations.find(({ keyword }) => keyword === 'required')
  if (missing !== undefined) {
    const field = pathOf(missing.instancePath, (missing.params.requiredProperties as string[])[0])
    return new DwellError('MISSING_FIELD', `The field ${field} is missing in the ${part}.`, { field })
  }
  const [first] = violations
  const field = pathOf(first?.instancePath ?? '', '') || part
  const wanted = violations.filter(({ keyword, message }) => keyword !== 'anyOf' && message).map(wantedOf)
  return new DwellError('INVALID_FIELD', `${field} ${[...new Set(wanted)].join(' or ')}.`, { field })
}

function wantedOf({ keyword, params, message }: Violation): string {
  if (keyword === 'const') return `must be ${JSON.stringify(params.allowedValue)}`
  return keyword === 'multipleOf' && params.multipleOf === 1 ? 'must be a whole number' : String(message)
}

function pathOf(instancePath: string, name: string): string {
  const path = instancePath.slice(1).replaceAll('/', '.')
  return path === '' ? name : name === '' ? path : `${path}.${name}`
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
