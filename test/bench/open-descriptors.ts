// What a process has open, from /proc.

import { readdirSync, readlinkSync } from 'node:fs'
import type { Row } from './table.ts'

const KINDS: [kind: string, path: RegExp][] = [
  ['slots', /\.slot$/],
  ['segments', /\/topics\//],
  ['runs', /\/runs\//],
  ['LevelDB', /\/(overflow|index|lock)\//],
  ['sockets', /^socket:/],
]

/** Open files by what they are; those of Node itself are among the others. */
export function openFiles(pid: number): Row {
  const row: Record<string, number> = {
    'open files': 0,
    slots: 0,
    segments: 0,
    runs: 0,
    LevelDB: 0,
    sockets: 0,
    others: 0,
  }
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    const path = linkOf(`/proc/${pid}/fd/${name}`)
    if (path === undefined) continue
    row['open files']++
    row[KINDS.find(([, pattern]) => pattern.test(path))?.[0] ?? 'others']++
  }
  return row
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined // Closed meanwhile.
  }
}
