// D17 of the faults, a stale block: an older version of a file, or of some sectors of one, is what the disk gives back. Then
// a start is refused with a code, a read is, or everything is as it was answered: never something old taken for new.
//
// What cannot be told: the newest file of the journal as it was some frames earlier is a journal that ended there.

import t from 'tap'
import { DwellError } from '../../storage/index.ts'
import { framesIn } from '../storage/log-on-simulated-disk.ts'
import type { SimulatedDisk } from '../storage/simulated-disk.ts'
import { contradictions, Scenario } from './sweep-scenario.ts'
import { Machine } from './wheel-on-simulated-disk.ts'

// Minutes of a loaded machine; seconds of a quiet one.
t.setTimeout(300_000)

interface Run {
  scenario: Scenario
  machine: Machine
  /** The disk after each step. */
  versions: SimulatedDisk[]
}

/** Runs some steps of the scenario, all but the last as a rule, and kills the process. */
async function killedAtTheEnd(steps = -1): Promise<Run> {
  const machine = Machine.empty()
  const scenario = new Scenario()
  const versions: SimulatedDisk[] = []
  await machine.start()
  for (const step of scenario.steps.slice(0, steps)) {
    await step(machine)
    versions.push(machine.disk.afterKill())
  }
  return { scenario, machine: machine.killed(), versions }
}

/** 'refused' or 'right', or in words what is neither. */
async function outcomeOf({ machine, scenario }: Run): Promise<string> {
  try {
    const wrong = await contradictions(machine, scenario)
    const isRefused = machine.failures.some((error) => error instanceof DwellError)
    return wrong.length === 0 ? 'right' : isRefused ? 'refused' : wrong.join('; ')
  } catch (error) {
    return error instanceof DwellError ? 'refused' : String((error as Error).stack)
  }
}

t.test('an older version of any file is refused or harmless', async (t) => {
  const { versions, machine } = await killedAtTheEnd()
  const outcomes: Record<string, number> = {}
  const newest = framesIn(machine.disk).at(-1)?.path
  for (const path of machine.disk.paths()) {
    if (path === newest) continue
    const seen = new Set([machine.disk.contents(path).toString('latin1')])
    for (const version of versions.filter((disk) => disk.paths().includes(path))) {
      const older = Buffer.from(version.contents(path))
      if (seen.has(older.toString('latin1'))) continue
      seen.add(older.toString('latin1'))
      const run = await killedAtTheEnd()
      run.machine.disk.place(path, older)
      const outcome = await outcomeOf(run)
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
      if (!/^(refused|right)$/.test(outcome)) t.fail(`${path}, ${older.length} bytes: ${outcome}`)
    }
  }
  t.pass(JSON.stringify(outcomes))
})

t.test('an older copy of the whole directory starts, and dispatches what was pending when it was made', async (t) => {
  for (const steps of [7, 12, 20, 24, 30]) {
    // What was answered up to the copy holds; what came later is gone, and what was dispatched later comes again.
    const { machine, scenario } = await killedAtTheEnd(steps)
    await machine.clock.advance(86_400_000)
    t.equal(await outcomeOf({ machine, scenario, versions: [] }), 'right', `a copy after ${steps} steps, a day later`)
  }
})
