// What a part says about its doings: the four calls that we use of a structured logger (pino keeps this shape).

type Say = (fields: Record<string, unknown>, sentence: string) => void

export interface Log {
  debug: Say
  info: Say
  warn: Say
  error: Say
}

/** Says nothing. */
export const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }
