// Why the log has stopped, or a read has failed, as it is told: what the disk did, or a fault of ours, which must not read
// like one of the disk.

import { DwellError } from './errors.ts'

/** `error` as the reason for which nothing is answered with success any more. */
export function asFailure(error: unknown): DwellError {
  if (error instanceof DwellError) return error
  const { path, message } = error as NodeJS.ErrnoException
  if (isFault(error)) return new DwellError('INTERNAL', `The log has a fault: ${message}`, {}, error)
  return new DwellError(
    'LOG_FAILED',
    `The log cannot be written: ${message}`,
    path === undefined ? {} : { path },
    error,
  )
}

/** `error` as the reason for which something could not be read; the next read may go well, so nothing stops for it. */
export function asReadFailure(error: unknown): unknown {
  if (error instanceof DwellError || isFault(error)) return error
  const { path, message } = error as NodeJS.ErrnoException
  return new DwellError('READ_FAILED', `The log cannot be read: ${message}`, path === undefined ? {} : { path }, error)
}

/** Whether `error` says that our code is wrong: neither one of ours about the world, nor one that the system gave. */
export function isFault(error: unknown): boolean {
  const { code = 'ERR_' } = error as NodeJS.ErrnoException
  return !(error instanceof DwellError) && code.startsWith('ERR_')
}
