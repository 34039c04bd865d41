// `dwell doctor`: looks at a service and its machine, and says of each thing whether it is as it should be. With --bundle all of
// that goes into a file for whoever helps: without message bodies, keys, headers or tokens.

import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { EXIT } from '../exit-codes.ts'
import { makeBundle } from './doctor-bundle.ts'
import { lookAtMachine } from './doctor-machine.ts'
import { lookAtService } from './doctor-service.ts'
import { addRemote, type Given, type Remote } from './remote.ts'
import { table } from './table.ts'

/** One thing that was looked at. */
export interface Finding {
  what: string
  /** `odd` is worth a thought, `bad` is not to be left so. */
  state: 'good' | 'odd' | 'bad' | 'unknown'
  sentence: string
}

const COLOURS = { good: 'green', odd: 'yellow', bad: 'red', unknown: 'dim' } as const

/** Adds the command to `program`. */
export function addDoctor(program: Command, environment: NodeJS.ProcessEnv): void {
  addRemote(program, environment, {
    usage: 'doctor',
    description:
      'Looks at the settings, the disk and how long its syncs take, the clock, the service and its last start; 1 when something is bad.',
    options: (command) =>
      command
        .option('--data-dir <path>', 'the data directory; that of DWELL_DATA_DIR or ./data when absent')
        .option(
          '--bundle <path>',
          'write what was found into this file, for whoever helps: no bodies, keys, headers or tokens',
        ),
    examples: ['dwell doctor', 'dwell doctor --json', 'dwell doctor --bundle dwell-doctor.json'],
    run: (remote, _args, given) => examine(remote, given, environment),
  })
}

async function examine(remote: Remote, given: Given, environment: NodeJS.ProcessEnv): Promise<number> {
  const { output, json } = remote
  const machine = await lookAtMachine(environment, given.dataDir as string | undefined)
  const service = await lookAtService(remote.client, remote.signal)
  const findings = [...machine.findings, ...service.findings]
  if (json) await output.line(JSON.stringify({ findings }))
  else {
    const [header, ...lines] = table(findings, { WHAT: 'what', STATE: 'state', FINDING: 'sentence' })
    await output.line(header)
    for (const [i, line] of lines.entries()) await output.line(line, COLOURS[findings[i].state])
  }
  if (given.bundle !== undefined) {
    const bundle = await makeBundle(
      remote.client,
      { findings, settings: machine.settings, metrics: service.metrics },
      remote.signal,
    )
    // It says a lot about a service, if nothing of its messages.
    await writeFile(given.bundle as string, `${JSON.stringify(bundle, null, 2)}\n`, { mode: 0o600 })
    if (!json)
      await output.line(
        `Wrote ${given.bundle}: no bodies, keys, headers or tokens are in it; look at it before you pass it on.`,
      )
  }
  return findings.some(({ state }) => state === 'bad') ? EXIT.REFUSED : EXIT.DONE
}
