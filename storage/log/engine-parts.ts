// Makes the parts of the embedded engine that recovery works on too, before there is an engine.

import { dirname, join } from 'node:path'
import { BufferPool } from '../base/buffer-pool.ts'
import type { Disk } from '../base/disk.ts'
import { SystemRandom } from '../base/random.ts'
import { JournalFiles } from '../journal/journal-files.ts'
import { Runs } from '../run/runs.ts'
import { OpenFiles } from '../segment/open-files.ts'
import type { EngineOptions } from './engine-options.ts'
import { PartitionMaker } from './partition-maker.ts'
import { partitionsDirectory } from './recovery.ts'
import { TailWriter } from './tail-writer.ts'

export interface EngineParts {
  files: OpenFiles
  runs: Runs
  tails: TailWriter
  maker: PartitionMaker
  journalFiles: JournalFiles
}

/** Makes the folders of the log, durably. */
export async function makeFolders(disk: Disk, directory: string): Promise<void> {
  const journal = join(directory, 'journal')
  for (const folder of [journal, partitionsDirectory(directory), join(directory, 'runs')]) {
    await disk.makeDirectory(folder)
  }
  // The journal's too: a file may have been prepared, and its name not been synced, when a process died.
  for (const changed of [journal, directory, dirname(directory)]) await disk.syncDirectory(changed)
}

/** Makes the parts; none of them touches the disk before it is asked to. */
export function makeParts(
  options: EngineOptions,
  { onFailure, makeRoom }: { onFailure: (error: unknown) => void; makeRoom: () => Promise<void> },
): EngineParts {
  const { disk, directory, log, random = new SystemRandom() } = options
  const { checkpointBytes, segmentBytes, journalFileBytes, openFilesMax, tailBytes, runTailsMin, runsMax } = options
  const files = new OpenFiles(disk, openFilesMax)
  const runs = new Runs({ disk, files, directory: join(directory, 'runs'), log, runsMax, onFailure })
  const tails = new TailWriter({ runs, memoryBytes: tailBytes, runTailsMin, onFailure })
  const maker = new PartitionMaker({
    disk,
    files,
    pool: new BufferPool(),
    tails,
    directory: partitionsDirectory(directory),
    segmentBytes,
  })
  const journalFiles = new JournalFiles({
    disk,
    random,
    directory: join(directory, 'journal'),
    fileBytes: journalFileBytes,
    freeMax: Math.ceil(checkpointBytes / journalFileBytes) + 1,
    makeRoom,
    onFailure,
  })
  return { files, runs, tails, maker, journalFiles }
}
