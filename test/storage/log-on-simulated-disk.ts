// An embedded engine with small files on a simulated disk: what the tests of the log open.

import { type DwellError, EmbeddedEngine, type EmbeddedEngineOptions, type Log } from '../../storage/index.ts'
import {
  BLOCK_SIZE,
  blocks,
  decodeFileHeader,
  frameNumberAt,
  frameSizeAt,
} from '../../storage/journal/journal-format.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { DATA, type SimulatedDisk } from './simulated-disk.ts'

export const KIB = 1024

/** What the engine said, as `level: sentence`. */
export class Said implements Log {
  readonly lines: { level: string; sentence: string; fields: Record<string, unknown> }[] = []
  debug = this.#say('debug')
  info = this.#say('info')
  warn = this.#say('warn')
  error = this.#say('error')

  #say(level: string) {
    return (fields: Record<string, unknown>, sentence: string) => void this.lines.push({ level, sentence, fields })
  }
}

export function openLog(disk: SimulatedDisk, options: Partial<EmbeddedEngineOptions> = {}): Promise<EmbeddedEngine> {
  return EmbeddedEngine.open({
    disk,
    clock: new ManualClock(),
    random: new SeededRandom(7),
    directory: DATA,
    log: new Said(),
    journalFileBytes: 64 * KIB,
    segmentBytes: 8 * KIB,
    onFailure: (_error: DwellError) => {},
    ...options,
  })
}

export interface FoundFrame {
  path: string
  position: number
  size: number
  number: number
}

/** Every good frame in the journal's files, file by file. */
export function framesIn(disk: SimulatedDisk): FoundFrame[] {
  const frames: FoundFrame[] = []
  for (const path of disk.paths().filter((name) => name.endsWith('.journal'))) {
    const bytes = disk.contents(path)
    const header = decodeFileHeader(bytes)
    if (typeof header === 'string') continue
    for (let position = BLOCK_SIZE; position < bytes.length; ) {
      const number = frameNumberAt(bytes, position, header)
      const size = frameSizeAt(bytes, position, header)
      if (number !== undefined) frames.push({ path, position, size, number })
      position += number === undefined ? BLOCK_SIZE : blocks(size)
    }
  }
  return frames
}
