// `dwell repair`: shows what it would do, and does it when it is told to.

import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
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
import type { Output, Style } from './output.ts'
import { mustBeData, type ToolParts } from './verify.ts'
import { verifyDirectory } from './verify-directory.ts'
import { count } from './words.ts'

/** What one step uncovers the next one mends: a hole in the journal, then what the marks in it tell. */
const ROUNDS_MAX = 5

export interface RepairParts extends ToolParts {
  random: Random
}

export interface RepairOptions {
  yes: boolean
  json: boolean
}

/** Answers whether anything is left to be done. */
export async function printRepair(
  parts: RepairParts,
  directory: string,
  { yes, json }: RepairOptions,
  output: Output,
): Promise<boolean> {
  const { disk, clock } = parts
  await mustBeData(disk, directory)
  const owner = { pid: process.pid, host: hostname(), startedAtMs: clock.wallMs() }
  const held = yes ? await lockDirectory(disk, directory, owner) : await holdDirectory(disk, directory)
  const say: Say = async (text, style) => {
    if (!json) await output.line(text, style)
  }
  try {
    const outcome = await repair(parts, directory, yes, say)
    if (json) await output.line(JSON.stringify({ directory: resolve(directory), ...outcome }))
    return outcome.isLeft
  } finally {
    await ('release' in held ? held.release() : held.letGo())
  }
}

type Say = (text: string, style?: Style) => Promise<void>

interface RepairOutcome {
  steps: { does: string; loses: readonly string[]; done: boolean }[]
  /** Where what is taken away goes. */
  aside: string
  /** What no step mends. */
  notRepaired: { path: string; sentence: string; remedy: string }[]
  isLeft: boolean
}

async function repair(parts: RepairParts, directory: string, yes: boolean, say: Say): Promise<RepairOutcome> {
  const { disk, clock } = parts
  const aside = new Aside(disk, directory, clock.wallMs())
  const outcome: RepairOutcome = { steps: [], aside: aside.directory, notRepaired: [], isLeft: true }
  for (let round = 1; ; round++) {
    const { actions, findings } = await planFor(parts, directory)
    const before = outcome.steps.length
    for (const [i, { does, loses }] of actions.entries()) {
      await say(`${before + i + 1}. ${does}`)
      for (const lost of loses) await say(`   Lost: ${lost}`, 'yellow')
      outcome.steps.push({ does, loses, done: false })
    }
    if (actions.length === 0) {
      outcome.notRepaired = findings
        .filter(({ remedy }) => !remedy.startsWith('Nothing'))
        .map(({ path, sentence, remedy }) => ({ path, sentence, remedy }))
      outcome.isLeft = outcome.notRepaired.length > 0
      await sum(outcome, say)
      return outcome
    }
    if (!yes) {
      await say(
        `Nothing was changed. To do this, run the same with --yes; what is taken away goes to ${aside.directory}.`,
      )
      return outcome
    }
    if (round > ROUNDS_MAX) {
      await say('It does not get better: the rest needs somebody who looks into it.', 'red')
      return outcome
    }
    for (const action of actions) await action.run(aside)
    for (const { does, loses } of actions) await aside.note([does, ...loses.map((lost) => `Lost: ${lost}`)].join('\n'))
    for (const step of outcome.steps) step.done = true
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

async function sum({ steps, aside, notRepaired }: RepairOutcome, say: Say): Promise<void> {
  if (steps.length > 0) await say(`${count(steps.length, 'step')} done. What was taken away is in ${aside}.`, 'green')
  else if (notRepaired.length === 0) await say('There is nothing to repair.', 'green')
  for (const { path, sentence, remedy } of notRepaired) {
    await say(`Not repaired: ${path}`, 'red')
    await say(`      ${sentence}`)
    await say(`      ${remedy}`)
  }
}
