// The head of a durable file (base/durable-file.ts), whoever's it is, and its contents if they are whole.

import type { Disk } from '../base/disk.ts'
import { DURABLE_HEADER_SIZE, readDurableFile } from '../base/durable-file.ts'
import { DwellError } from '../base/errors.ts'

export interface DurableFile {
  magic: string
  version: number
  /** As the header says. */
  size: number
  contents: Buffer | undefined
  /** Why there are no contents, in words. */
  damage: string | undefined
}

/** Reads the durable file at `path`, of any magic and version; undefined when it does not begin as one does. */
export async function inspectDurableFile(disk: Disk, path: string): Promise<DurableFile | undefined> {
  const header = Buffer.alloc(DURABLE_HEADER_SIZE)
  const file = await disk.open(path, 'read')
  try {
    if ((await file.read(header, 0)) < header.length) return undefined
  } finally {
    await file.close()
  }
  const magic = header.toString('latin1', 0, 4)
  const version = header.readUInt16BE(4)
  const size = header.readUInt32BE(6)
  try {
    return { magic, version, size, contents: await readDurableFile(disk, path, { magic, version }), damage: undefined }
  } catch (error) {
    if (!(error instanceof DwellError) || error.code !== 'FILE_DAMAGED') throw error
    return { magic, version, size, contents: undefined, damage: error.message }
  }
}
