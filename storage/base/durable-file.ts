// A small file that is replaced as a whole: after a crash it holds either all of the old contents or all of the new.
//
//   ┌────────────┬──────────────┬────────────┬─────────────┬──────────┐
//   │ magic <4b> │ version <2b> │ size <4b>  │ crc32c <4b> │ contents │      big-endian; the crc covers the contents
//   └────────────┴──────────────┴────────────┴─────────────┴──────────┘
//
// Written beside, synced, renamed over, its folder synced: in that order.

import { dirname } from 'node:path'
import { crc32c } from './crc.ts'
import type { Disk } from './disk.ts'
import { DwellError } from './errors.ts'

export const DURABLE_HEADER_SIZE = 14

export interface DurableFileFormat {
  /** Four ASCII characters. */
  magic: string
  /** What is written. */
  version: number
  /** The first version that can still be read; `version` when absent. */
  oldestVersion?: number
}

/** Replaces the file at `path`. Resolves when the new contents are durable. */
export async function writeDurableFile(
  disk: Disk,
  path: string,
  format: DurableFileFormat,
  contents: Uint8Array,
): Promise<void> {
  const bytes = Buffer.allocUnsafe(DURABLE_HEADER_SIZE + contents.length)
  bytes.write(format.magic, 0, 4, 'latin1')
  bytes.writeUInt16BE(format.version, 4)
  bytes.writeUInt32BE(contents.length, 6)
  bytes.writeUInt32BE(crc32c(contents), 10)
  bytes.set(contents, DURABLE_HEADER_SIZE)
  const beside = `${path}.new`
  const file = await disk.open(beside, 'write')
  try {
    await file.truncate(0)
    await file.write(bytes, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(beside, path)
  await disk.syncDirectory(dirname(path))
}

/** The contents of the file at `path`; undefined when there is none. Throws `FILE_DAMAGED` when it is not whole. */
export async function readDurableFile(
  disk: Disk,
  path: string,
  format: DurableFileFormat,
): Promise<Buffer | undefined> {
  const size = await disk.size(path)
  if (size === undefined) return undefined
  const bytes = Buffer.alloc(size)
  const file = await disk.open(path, 'read')
  try {
    await file.read(bytes, 0)
  } finally {
    await file.close()
  }
  const damaged = (why: string) => new DwellError('FILE_DAMAGED', `${path} is damaged: ${why}.`, { path })
  if (size < DURABLE_HEADER_SIZE) throw damaged(`it has ${size} bytes, its header alone has ${DURABLE_HEADER_SIZE}`)
  if (bytes.toString('latin1', 0, 4) !== format.magic) throw damaged(`it does not begin with ${format.magic}`)
  const version = bytes.readUInt16BE(4)
  if (version > format.version || version < (format.oldestVersion ?? format.version)) {
    throw damaged(`its version is ${version}, this program reads ${format.version}`)
  }
  const contents = bytes.subarray(DURABLE_HEADER_SIZE)
  if (bytes.readUInt32BE(6) !== contents.length) throw damaged('its size is not what its header says')
  if (bytes.readUInt32BE(10) !== crc32c(contents)) throw damaged('its checksum does not match')
  return contents
}
