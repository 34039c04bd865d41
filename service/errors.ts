// All that users, disks and networks can do wrong, in one table: what HTTP answers, and whether trying again helps.
// test/service/errors.test.ts holds the table against the codes in the source, both ways.

export interface ErrorRow {
  /** The HTTP status. Errors that only ever stop the start have 500. */
  status: number
  title: string
  /** The same request may succeed later without being changed. */
  retryable: boolean
  /** A file does not hold what was written to it; whether `dwell repair` is what gets over it. */
  damage?: 'for repair' | 'no repair'
}

export const ERRORS = {
  // What a request says
  INVALID_JSON: { status: 400, title: 'The body is not valid JSON', retryable: false },
  INVALID_UTF8: { status: 400, title: 'The text is not valid UTF-8', retryable: false },
  INVALID_URL: { status: 400, title: 'The URL cannot be decoded', retryable: false },
  INVALID_NAME: { status: 400, title: 'The name is not allowed', retryable: false },
  INVALID_FIELD: { status: 400, title: 'A field has a wrong value', retryable: false },
  UNKNOWN_FIELD: { status: 400, title: 'A field is not known', retryable: false },
  DUPLICATE_FIELD: { status: 400, title: 'A field is given twice', retryable: false },
  MISSING_FIELD: { status: 400, title: 'A field is missing', retryable: false },
  CONFLICTING_FIELDS: { status: 400, title: 'Fields exclude each other', retryable: false },
  INVALID_DURATION: { status: 400, title: 'The duration cannot be read', retryable: false },
  INVALID_TIME: { status: 400, title: 'The time cannot be read', retryable: false },
  KEY_REQUIRED: { status: 400, title: 'Messages of a compacted topic need a key', retryable: false },
  DELAY_TOO_LONG: { status: 400, title: 'The delay is beyond the limit', retryable: false },
  EMPTY_BATCH: { status: 400, title: 'The request holds no message', retryable: false },
  TOO_MANY_MESSAGES: { status: 413, title: 'The request holds too many messages', retryable: false },
  MESSAGE_TOO_LARGE: { status: 413, title: 'The message is too large', retryable: false },
  REQUEST_TOO_LARGE: { status: 413, title: 'The request is too large', retryable: false },
  APPEND_TOO_LARGE: { status: 413, title: 'The request is too large for one append', retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The content type is not supported here', retryable: false },
  UNSUPPORTED_CONTENT_ENCODING: { status: 415, title: 'Compressed requests are not supported', retryable: false },
  TOKEN_MISSING: { status: 401, title: 'A token is needed', retryable: false },
  TOKEN_WRONG: { status: 401, title: 'The token is not accepted', retryable: false },
  FORBIDDEN: { status: 403, title: 'The token does not allow this', retryable: false },
  TOO_MANY_REQUESTS: { status: 429, title: 'The token sends too much', retryable: true },
  TOO_MANY_CONNECTIONS: { status: 429, title: 'Too many connections', retryable: true },
  TOO_MANY_WAITING: { status: 429, title: 'Too many calls wait', retryable: true },
  TOO_MANY_ATTEMPTS: { status: 429, title: 'Too many wrong tokens', retryable: true },
  HOST_NOT_ALLOWED: { status: 403, title: 'The service does not answer to this name', retryable: false },
  ORIGIN_NOT_ALLOWED: { status: 403, title: 'Web pages may not do this', retryable: false },
  PUSH_OFF: { status: 403, title: 'Push is off', retryable: false },
  PUSH_HOST_NOT_ALLOWED: { status: 403, title: 'Nothing may be pushed to this host', retryable: false },
  INVALID_REQUEST: { status: 400, title: 'The request is malformed', retryable: false },
  HEADERS_TOO_LARGE: { status: 431, title: 'The request headers are too large', retryable: false },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive', retryable: true },

  // What it names
  ROUTE_NOT_FOUND: { status: 404, title: 'There is nothing at this address', retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The address takes another method', retryable: false },
  TOPIC_NOT_FOUND: { status: 404, title: 'There is no such topic', retryable: false },
  PARTITION_NOT_FOUND: { status: 404, title: 'There is no such partition', retryable: false },
  GROUP_NOT_FOUND: { status: 404, title: 'There is no such group', retryable: false },
  MESSAGE_NOT_FOUND: { status: 404, title: 'There is no such delayed message', retryable: false },
  REDRIVE_NOT_FOUND: { status: 404, title: 'There is no such redrive', retryable: false },
  OFFSET_OUT_OF_RANGE: { status: 416, title: 'The offset is outside of the log', retryable: false },

  CURSOR_INVALID: { status: 400, title: 'The cursor is not one of ours', retryable: false },

  // What stands against it
  TOPIC_EXISTS: { status: 409, title: 'The topic exists', retryable: false },
  PARTITIONS_CANNOT_SHRINK: { status: 409, title: 'Partitions cannot become fewer', retryable: false },
  TOO_MANY_TOPICS: { status: 409, title: 'There are too many topics', retryable: false },
  TOO_MANY_PARTITIONS: { status: 409, title: 'There are too many partitions', retryable: false },
  TOO_MANY_GROUPS: { status: 409, title: 'There are too many groups', retryable: false },
  TOO_MANY_PENDING: { status: 429, title: 'Too many delayed messages wait', retryable: true },
  TOO_MANY_PENDING_BYTES: { status: 429, title: 'Delayed messages of too many bytes wait', retryable: true },
  GROUP_NAME_AMBIGUOUS: { status: 409, title: 'The retry topics would be those of another group', retryable: false },
  TOPIC_OWNED_BY_GROUP: { status: 409, title: 'The topic belongs to a group', retryable: false },
  GROUP_PUSHES: { status: 409, title: 'The group pushes its records', retryable: false },
  ALREADY_DISPATCHED: { status: 409, title: 'The message was dispatched already', retryable: false },
  ALREADY_CANCELLED: { status: 409, title: 'The message was cancelled already', retryable: false },
  // These two stand in the results of an acknowledge call, which is itself answered with 200.
  INVALID_RECORD_STATE: { status: 409, title: 'The receipt is not valid any more', retryable: false },
  RECORD_DELETED: { status: 409, title: 'Retention has deleted the record', retryable: false },
  TOO_MANY_REDRIVES: { status: 429, title: 'Too many redrives are running', retryable: true },
  OVERLOADED: { status: 503, title: 'Too much is waiting', retryable: true },
  CLOCK_WRONG: { status: 503, title: 'The clock of the machine is wrong', retryable: true },
  KEYS_UNAVAILABLE: { status: 503, title: 'Web tokens cannot be checked', retryable: true },
  STARTING: { status: 503, title: 'The service is starting', retryable: true },
  ENGINE_CLOSED: { status: 503, title: 'The service is stopping', retryable: true },

  // What disks do
  DISK_LOW: { status: 507, title: 'The disk is nearly full', retryable: true },
  DISK_FULL: { status: 507, title: 'The disk is full', retryable: true },
  READ_FAILED: { status: 500, title: 'The disk failed to read', retryable: true },
  DATA_DIRECTORY_LOST: { status: 503, title: 'The data directory is out of reach', retryable: false },
  JOURNAL_FAILED: { status: 503, title: 'The journal cannot be written', retryable: true },
  LOG_FAILED: { status: 503, title: 'The log cannot be written', retryable: true },
  WHEEL_FAILED: { status: 503, title: 'The timing wheel has stopped', retryable: true },
  SLOT_WRITE_FAILED: { status: 503, title: 'A slot file cannot be written', retryable: true },
  OVERFLOW_FAILED: { status: 503, title: 'The overflow store cannot be written', retryable: true },
  JOURNAL_DAMAGED: { status: 500, title: 'The journal is damaged', retryable: false, damage: 'for repair' },
  RUN_DAMAGED: { status: 500, title: 'A run is damaged', retryable: false, damage: 'for repair' },
  CHECKPOINT_DAMAGED: { status: 500, title: 'The checkpoint is damaged', retryable: false, damage: 'for repair' },
  SEGMENT_DAMAGED: { status: 500, title: 'A segment is damaged', retryable: false, damage: 'for repair' },
  SLOT_DAMAGED: { status: 500, title: 'A slot file is damaged', retryable: false, damage: 'no repair' },
  ENTRY_DAMAGED: {
    status: 500,
    title: 'An entry of the timing wheel is damaged',
    retryable: false,
    damage: 'for repair',
  },
  OVERFLOW_LOST: {
    status: 500,
    title: 'Delayed messages are missing in the overflow store',
    retryable: false,
    damage: 'for repair',
  },
  CODEC_UNSUPPORTED: { status: 500, title: 'A record batch has an unknown codec', retryable: false },
  BATCH_TOO_LARGE: { status: 500, title: 'A record batch unpacks to too much', retryable: false },
  FILE_DAMAGED: { status: 500, title: 'A file is damaged', retryable: false, damage: 'no repair' },
  BATCH_DAMAGED: { status: 500, title: 'A record batch is damaged', retryable: false, damage: 'for repair' },
  RECORD_DAMAGED: { status: 500, title: 'A record is damaged', retryable: false, damage: 'for repair' },
  STORE_DAMAGED: { status: 500, title: 'A LevelDB store is damaged', retryable: false, damage: 'for repair' },
  STORE_UNREADABLE: { status: 503, title: 'A LevelDB store cannot be reached', retryable: true },
  ROW_DAMAGED: { status: 500, title: 'A row of a LevelDB store is damaged', retryable: false, damage: 'for repair' },

  // What stops the start
  TEST_CLOCK_REFUSED: { status: 500, title: 'The directory is not for this kind of clock', retryable: false },
  ACCESS_UNDECIDED: { status: 500, title: 'Nobody said who may come in', retryable: false },
  INVALID_TOKENS_FILE: { status: 500, title: 'The file of tokens is wrong', retryable: false },
  INVALID_TOPIC_PATTERN: { status: 500, title: 'The topics cannot be read', retryable: false },
  INVALID_CERTIFICATE: { status: 500, title: 'The certificate is wrong', retryable: false },
  INVALID_KEYS: { status: 500, title: 'The keys of web tokens are wrong', retryable: false },
  INVALID_SETTING: { status: 500, title: 'A setting has a wrong value', retryable: false },
  UNKNOWN_SETTING: { status: 500, title: 'There is no such setting', retryable: false },
  DATA_DIRECTORY_LOCKED: { status: 500, title: 'Another process uses the data directory', retryable: true },
  MARK_UNREADABLE: { status: 500, title: 'A mark of the wheel cannot be read', retryable: false, damage: 'for repair' },
  DATA_DIRECTORY_UNUSABLE: { status: 500, title: 'The data directory cannot be used', retryable: false },
  STORE_LOCKED: { status: 500, title: 'Another process uses a store', retryable: true },
  ADDRESS_NOT_AVAILABLE: { status: 500, title: 'The address cannot be listened on', retryable: true },

  // What the tools are asked for
  FILE_NOT_FOUND: { status: 500, title: 'There is no such file', retryable: false },
  FILE_UNREADABLE: { status: 500, title: 'The file cannot be read', retryable: false },
  NOT_OURS: { status: 500, title: 'The file is none of ours', retryable: false },
  REPAIR_IMPOSSIBLE: { status: 500, title: 'The damage cannot be repaired', retryable: false },

  // What we do wrong
  INTERNAL: { status: 500, title: 'The service failed', retryable: true },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

/** The row of `code`; that of INTERNAL for a code which is not in the table. */
export function errorRow(code: string): ErrorRow {
  return isErrorCode(code) ? ERRORS[code] : ERRORS.INTERNAL
}

/** The codes that say that a file does not hold what was written to it. */
export const DAMAGES: readonly string[] = Object.keys(ERRORS).filter((code) => errorRow(code).damage !== undefined)

/** Whether `dwell repair` gets over what a code says. */
export function isForRepair(code: string): boolean {
  return errorRow(code).damage === 'for repair'
}
