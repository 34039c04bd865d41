// A run in words: what it has of each partition.

import { basename, dirname } from 'node:path'
import { type Disk, DwellError, readRun, readUInt64 } from '../../../storage/index.ts'
import { bytesOf, count, offsetsOf } from '../words.ts'
import { type DumpOptions, Limit, type Line } from './line.ts'

export async function* runLines(disk: Disk, path: string, options: DumpOptions): AsyncGenerator<Line> {
  const named = /^(\d{20})\.run$/.exec(basename(path))
  const number = named === null ? await numberIn(disk, path) : Number(named[1])
  if (named === null)
    return void (yield `run ${number}; to see what is in it, name it ${String(number).padStart(20, '0')}.run`)
  try {
    const run = await readRun(disk, dirname(path), number)
    yield `run ${number}, ${bytesOf(run.size)}: ${count(run.count, 'partition')}`
    const limit = new Limit(options)
    for (let i = 0; i < run.count; i++) {
      if (!limit.take()) return
      const { topicId, partition, baseOffset, endOffset, size, position } = run.piece(i)
      const offsets = offsetsOf(baseOffset, endOffset - 1)
      yield `byte ${position}  topic id ${topicId} partition ${partition}: ${offsets}, ${bytesOf(size)}`
    }
  } catch (error) {
    if (!(error instanceof DwellError)) throw error
    yield { damage: error.message }
  }
}

async function numberIn(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path, 'read')
  try {
    const header = Buffer.alloc(16)
    await file.read(header, 0)
    return readUInt64(header, 8)
  } finally {
    await file.close()
  }
}
