// `dwell repair`: shows what it would do, and does it when it is told to.

import { hostname } from 'node:os'
import { join } from 'node:path'
import {
  type Action,
  Aside,
  type Finding,
  holdDirectory,
  lockDirectory,
  type Random,
  repairLog,
  StoredLog,
} from '../../storage/index.ts'
import { DELAY_TOPIC, keptEntries, MARK_TOPIC, repairWheel } from '../../timewheel/index.ts'
import type { Output } from './output.ts'
import { mustBeData, type ToolParts } from './verify.ts'
import { verifyDirectory } from './verify-directory.ts'
import { count } from './words.ts'

/** What one step uncovers the next one mends: a hole in the journal, then what the marks in it tell. */
const ROUNDS_MAX = 5

export interface RepairParts extends ToolParts {
  random: Random
}

/** Answers whether anything is left to be done. */
export async function printRepair(
  parts: RepairParts,
  directory: string,
  { yes }: { yes: boolean },
  output: Output,
): Promise<boolean> {
  const { disk, clock } = parts
  await mustBeData(disk, directory)
  const owner = { pid: process.pid, host: hostname(), startedAtMs: clock.wallMs() }
  const held = yes ? await lockDirectory(disk, directory, owner) : await holdDirectory(disk, directory)
  try {
    return await repair(parts, directory, yes, output)
  } finally {
    await ('release' in held ? held.release() : held.letGo())
  }
}

async function repair(parts: RepairParts, directory: string, yes: boolean, output: Output): Promise<boolean> {
  const { disk, clock } = parts
  const aside = new Aside(disk, directory, clock.wallMs())
  let done = 0
  for (let round = 1; ; round++) {
    const { actions, findings } = await planFor(parts, directory)
    for (const [i, { does, loses }] of actions.entries()) {
      await output.line(`${done + i + 1}. ${does}`)
      for (const lost of loses) await output.line(`   Lost: ${lost}`, 'yellow')
    }
    if (actions.length === 0) return sum(aside, done, findings, output)
    if (!yes) {
      await output.line(
        `Nothing was changed. To do this, run the same with --yes; what is taken away goes to ${aside.directory}.`,
      )
      return true
    }
    if (round > ROUNDS_MAX) {
      await output.line('It does not get better: the rest needs somebody who looks into it.', 'red')
      return true
    }
    for (const action of actions) await action.run(aside)
    for (const { does, loses } of actions) await aside.note([does, ...loses.map((lost) => `Lost: ${lost}`)].join('\n'))
    done += actions.length
  }
}

async function planFor(
  { disk, clock, random }: RepairParts,
  directory: string,
): Promise<{ actions: Action[]; findings: Finding[] }> {
  const log = await StoredLog.open(disk, directory)
  const findings: Finding[] = []
  for await (const finding of verifyDirectory({ disk, directory, bootId: clock.bootId(), counts: {} }, log)) {
    if (finding.kind === 'wrong') findings.push(finding)
  }
  const endsWithRecord = (topic: string) => topic === MARK_TOPIC
  const known = new Map([[`${DELAY_TOPIC}-0`, await keptEntries(disk, directory, findings)]])
  return {
    actions: [
      ...(await repairLog({ log, findings, random, endsWithRecord, known })),
      ...repairWheel(disk, directory, findings),
      ...repairIndex(join(directory, 'index'), findings),
    ],
    findings,
  }
}

function repairIndex(path: string, findings: readonly Finding[]): Action[] {
  if (!findings.some(({ code }) => code === 'ids-wrong' || code === 'ids-damaged')) return []
  const does = `Set the index of ids ${path} aside: it is made anew.`
  return [{ does, loses: [], run: (aside) => aside.move(path, 'an index of ids that is not what __ids says') }]
}

async function sum(aside: Aside, done: number, findings: readonly Finding[], output: Output): Promise<boolean> {
  const rest = findings.filter(({ remedy }) => !remedy.startsWith('Nothing'))
  if (done > 0) await output.line(`${count(done, 'step')} done. What was taken away is in ${aside.directory}.`, 'green')
  else if (rest.length === 0) await output.line('There is nothing to repair.', 'green')
  for (const { path, sentence, remedy } of rest) {
    await output.line(`Not repaired: ${path}`, 'red')
    await output.line(`      ${sentence}`)
    await output.line(`      ${remedy}`)
  }
  return rest.length > 0
}
