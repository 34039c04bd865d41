// `dwell dump`, `dwell verify`, `dwell repair`: the command lines of what an operator needs at three in the morning.

import { type Command, InvalidArgumentError, Option } from 'commander'
import { SystemClock, SystemDisk, SystemRandom } from '../../storage/index.ts'
import { addFileCommand, type Given } from './command.ts'
import { EXIT } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

const EXIT_CODES = 'Exit codes: 0 nothing is wrong; 1 something is; 2 called wrongly, or it could not look.'

/** Adds the commands to `program`. */
export function addTools(program: Command): void {
  addFileCommand(program, {
    usage: 'dump <file>',
    description:
      'Prints what is in a file of a data directory, or in a LevelDB folder of it: journal file, segment, index, slot, ' +
      'checkpoint, identity … With --json each line is one document.',
    options: (command) =>
      command
        .addOption(
          new Option('--limit <count>', 'print at most so many frames, batches, entries or rows').argParser(whole),
        )
        .addOption(new Option('--from <byte>', 'begin at this byte of the file').argParser(whole))
        .addOption(new Option('--offset <offset>', 'leave out what lies before this offset').argParser(whole))
        .option('--records', 'print the records of each batch', false)
        .option('--values', 'print the records and their values', false),
    examples: [
      'dwell dump ./data/identity',
      'dwell dump ./data/topics/orders-0/00000000000000000000.log --values --limit 10',
    ],
    exitCodes: EXIT_CODES,
    run: dumpFile,
  })
  addFileCommand(program, {
    usage: 'verify <directory>',
    description: 'Checks everything in a data directory that no process uses, and changes nothing in it.',
    options: (command) =>
      command.option('--verbose', 'print the notes too: what the next start makes anew by itself', false),
    examples: ['dwell verify ./data', 'dwell verify ./data --json'],
    exitCodes: EXIT_CODES,
    run: async ({ output, json }, [directory], { verbose }) => {
      const { printVerification } = await import('./verify.ts')
      const parts = { disk: new SystemDisk(), clock: new SystemClock() }
      const isWrong = await printVerification(parts, directory, { json, verbose: verbose === true }, output)
      return isWrong ? EXIT.REFUSED : EXIT.DONE
    },
  })
  addFileCommand(program, {
    usage: 'repair <directory>',
    description: 'Sets aside what is damaged, so that the service starts and serves what is readable. Asks for --yes.',
    options: (command) => command.option('--yes', 'do what is shown without this flag', false),
    examples: ['dwell repair ./data', 'dwell repair ./data --yes'],
    exitCodes: EXIT_CODES,
    run: async ({ output, json }, [directory], { yes }) => {
      const { printRepair } = await import('./repair.ts')
      const parts = { disk: new SystemDisk(), clock: new SystemClock(), random: new SystemRandom() }
      const isLeft = await printRepair(parts, directory, { json, yes: yes === true }, output)
      return isLeft ? EXIT.REFUSED : EXIT.DONE
    },
  })
}

async function dumpFile({ output, json }: Terminal, [file]: string[], given: Given): Promise<number> {
  const { limit, from, offset } = given as Record<string, unknown> as Record<string, number | undefined>
  const [records, values] = [given.records === true, given.values === true]
  const { dump } = await import('./dump/dump.ts')
  const options = { limit, fromByte: from, fromOffset: offset, records: records || values, values }
  let isDamaged = false
  for await (const line of dump(new SystemDisk(), file, options)) {
    if (output.closed) break
    const damage = typeof line === 'string' ? undefined : line.damage
    isDamaged ||= damage !== undefined
    if (json) await output.line(JSON.stringify(damage === undefined ? { line } : { damage }))
    else await output.line(damage ?? (line as string), damage === undefined ? undefined : 'red')
  }
  return isDamaged ? EXIT.REFUSED : EXIT.DONE
}

function whole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}
