// What the doctor finds in the data directory: who uses it, and when nobody does, whether it is whole.
//
// It is checked only when it is small: a doctor answers within seconds. A start that comes within them is refused, as during
// `dwell verify`, and its supervisor's next one is not.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { holdDirectory, SystemClock, SystemDisk } from '../../../storage/index.ts'
import { formatSize } from '../../size.ts'
import { isExpected } from '../terminal.ts'
import { verifyDirectory } from '../verify-directory.ts'
import { count } from '../words.ts'
import type { Finding } from './doctor.ts'

const MIB = 1024 ** 2
const CHECKED_BYTES_MAX = 1024 * MIB
const what = 'data'

/** Holds the directory while it is looked at. */
export async function lookAtData(directory: string): Promise<Finding> {
  const disk = new SystemDisk()
  try {
    const held = await holdDirectory(disk, directory)
    try {
      return await check(disk, directory)
    } finally {
      await held.letGo()
    }
  } catch (error) {
    if (!isExpected(error)) throw error
    const isInUse = 'code' in error && error.code === 'DATA_DIRECTORY_LOCKED'
    return { what, state: isInUse ? 'good' : 'bad', sentence: error.message }
  }
}

async function check(disk: SystemDisk, directory: string): Promise<Finding> {
  const names = await disk.list(directory)
  if (!names.includes('journal')) return { what, state: 'unknown', sentence: `${directory} has no data in it` }
  const sizeBytes = await sizeOf(directory)
  const nobody = `nobody uses ${directory}`
  if (sizeBytes > CHECKED_BYTES_MAX) {
    const size = formatSize(Math.round(sizeBytes / MIB) * MIB)
    return { what, state: 'unknown', sentence: `${nobody}; \`dwell verify\` checks its ${size}` }
  }
  const options = { disk, directory, bootId: new SystemClock().bootId(), counts: {} }
  let wrong = 0
  let first = ''
  for await (const { kind, sentence } of verifyDirectory(options)) {
    if (kind !== 'wrong') continue
    if (wrong++ === 0) first = sentence
  }
  if (wrong === 0) return { what, state: 'good', sentence: `${nobody}, and nothing in it is damaged` }
  const things = count(wrong, 'thing is', 'things are')
  return { what, state: 'bad', sentence: `${things} wrong: ${first} See \`dwell verify ${directory}\`` }
}

async function sizeOf(directory: string): Promise<number> {
  let sizeBytes = 0
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sizeBytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return sizeBytes
}
