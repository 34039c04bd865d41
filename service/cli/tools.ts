// `dwell dump`, `dwell verify`, `dwell repair`: the command lines of what an operator needs at three in the morning.
//
// Exit code 0: nothing is wrong. 1: something is, or could not be looked at. 2: the command line is.

import { type Command, InvalidArgumentError, Option } from 'commander'
import { DwellError, SystemClock, SystemDisk, SystemRandom } from '../../storage/index.ts'
import type { DumpOptions } from './dump/line.ts'
import { addExamples } from './examples.ts'
import { Output } from './output.ts'

/** Adds the commands to `program`. */
export function addTools(program: Command): void {
  const codes = 'Exit codes: 0 nothing is wrong; 1 something is; 2 called wrongly, or it could not look.'
  const dump = program
    .command('dump')
    .description('Prints what is in a file of a data directory, or in a LevelDB folder of it.')
    .argument('<file>', 'journal file, segment, index, slot, checkpoint, identity … or a LevelDB folder')
    .addOption(new Option('--limit <count>', 'print at most so many frames, batches, entries or rows').argParser(whole))
    .addOption(new Option('--from <byte>', 'begin at this byte of the file').argParser(whole))
    .addOption(new Option('--offset <offset>', 'leave out what lies before this offset').argParser(whole))
    .option('--records', 'print the records of each batch', false)
    .option('--values', 'print the records and their values', false)
    .action(async (file: string, given: Record<string, number & boolean>) => {
      const { limit, from, offset, records, values } = given
      await dumpFile(file, { limit, fromByte: from, fromOffset: offset, records: records || values, values })
    })
  addExamples(
    dump,
    ['dwell dump ./data/identity', 'dwell dump ./data/topics/orders-0/00000000000000000000.log --values --limit 10'],
    codes,
  )
  const verify = program
    .command('verify')
    .description('Checks everything in a data directory that no process uses, and changes nothing in it.')
    .argument('<directory>', 'the data directory, or a copy of one')
    .option('--json', 'print one JSON document', false)
    .option('--verbose', 'print the notes too: what the next start makes anew by itself', false)
    .action(async (directory: string, given: { json: boolean; verbose: boolean }) => {
      await ending(async () => {
        const { printVerification } = await import('./verify.ts')
        const parts = { disk: new SystemDisk(), clock: new SystemClock() }
        const wrong = await printVerification(parts, directory, given, new Output(process.stdout))
        if (wrong) process.exitCode = 1
      })
    })
  addExamples(verify, ['dwell verify ./data', 'dwell verify ./data --json'], codes)
  const repair = program
    .command('repair')
    .description('Sets aside what is damaged, so that the service starts and serves what is readable. Asks for --yes.')
    .argument('<directory>', 'the data directory, that no process uses')
    .option('--yes', 'do what is shown without this flag', false)
    .action(async (directory: string, given: { yes: boolean }) => {
      await ending(async () => {
        const { printRepair } = await import('./repair.ts')
        const parts = { disk: new SystemDisk(), clock: new SystemClock(), random: new SystemRandom() }
        const open = await printRepair(parts, directory, given, new Output(process.stdout))
        if (open) process.exitCode = 1
      })
    })
  addExamples(repair, ['dwell repair ./data', 'dwell repair ./data --yes'], codes)
}

async function dumpFile(file: string, options: DumpOptions): Promise<void> {
  await ending(async () => {
    const { dump } = await import('./dump/dump.ts')
    const output = new Output(process.stdout)
    for await (const line of dump(new SystemDisk(), file, options)) {
      if (output.closed) return
      if (typeof line === 'string') await output.line(line)
      else {
        process.exitCode = 1
        await output.line(line.damage, 'red')
      }
    }
  })
}

/** Runs a tool; what it cannot do is said in a sentence, and the exit code is 2: 1 says that something was found. */
export async function ending(task: () => Promise<void>): Promise<void> {
  try {
    await task()
  } catch (error) {
    if (!(error instanceof DwellError)) throw error
    await new Output(process.stderr).line(error.message, 'red')
    process.exitCode = 2
  }
}

function whole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}
