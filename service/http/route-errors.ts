// Which errors a route answers besides those it names itself: by what it does. A route names its own in answers()
// (schemas.ts), with the groups below where it reads or writes; what any route like it may answer comes by itself.

import { ERRORS, type ErrorCode } from '../errors.ts'

const CODES = Object.keys(ERRORS) as ErrorCode[]

/** What disks may do to whoever reads records. */
export const READS: readonly ErrorCode[] = [
  'READ_FAILED',
  'FILE_DAMAGED',
  'SEGMENT_DAMAGED',
  'RUN_DAMAGED',
  'BATCH_DAMAGED',
  'BATCH_TOO_LARGE',
  'RECORD_DAMAGED',
  'CODEC_UNSUPPORTED',
]
/** What disks may do to whoever appends. */
export const WRITES: readonly ErrorCode[] = [
  'DISK_FULL',
  'JOURNAL_FAILED',
  'LOG_FAILED',
  'DATA_DIRECTORY_LOST',
  'OVERLOADED',
]
/** What the timing wheel may answer, and the stores of what waits long and of ids. */
export const WHEEL: readonly ErrorCode[] = [
  'WHEEL_FAILED',
  'SLOT_WRITE_FAILED',
  'SLOT_DAMAGED',
  'ENTRY_DAMAGED',
  'OVERFLOW_FAILED',
  'STORE_DAMAGED',
  'STORE_UNREADABLE',
  'ROW_DAMAGED',
]

const ALWAYS: readonly ErrorCode[] = [
  'INVALID_REQUEST',
  'INVALID_URL',
  'UNKNOWN_FIELD',
  'HOST_NOT_ALLOWED',
  'ORIGIN_NOT_ALLOWED',
  'REQUEST_TIMEOUT',
  'TOO_MANY_CONNECTIONS',
  'HEADERS_TOO_LARGE',
  'INTERNAL',
  'ENGINE_CLOSED',
  'STARTING',
]
const WITH_TOKEN: readonly ErrorCode[] = [
  'TOKEN_MISSING',
  'TOKEN_WRONG',
  'FORBIDDEN',
  'TOO_MANY_REQUESTS',
  'TOO_MANY_ATTEMPTS',
  'KEYS_UNAVAILABLE',
]
const WITH_BODY: readonly ErrorCode[] = ['REQUEST_TOO_LARGE', 'UNSUPPORTED_CONTENT_ENCODING', 'OVERLOADED']
const WITH_JSON: readonly ErrorCode[] = ['INVALID_JSON', 'INVALID_UTF8', 'INVALID_FIELD', 'UNSUPPORTED_MEDIA_TYPE']

export interface RouteKind {
  method: string
  /** Names in its path. */
  params: readonly string[]
  hasToken: boolean
  /** The types of its body; none when it has none. */
  bodyTypes: readonly string[]
}

/** All that a route may refuse with, `own` included, in the order of the table. */
export function errorsOf({ method, params, hasToken, bodyTypes }: RouteKind, own: readonly ErrorCode[]): ErrorCode[] {
  const codes = new Set<ErrorCode>(ALWAYS)
  const add = (more: readonly ErrorCode[]) => {
    for (const code of more) codes.add(code)
  }
  if (params.includes('topic')) add(['INVALID_NAME'])
  if (hasToken) add(WITH_TOKEN)
  // A body that is not asked for is read all the same.
  if (method !== 'get') add(WITH_BODY)
  if (method !== 'get' && !bodyTypes.includes('*/*')) add(WITH_JSON)
  add(own)
  return CODES.filter((code) => codes.has(code))
}
