// npm run mutants: applies each mutant to a copy of the tree and must see what is named beside it fail. First the copy
// as it is must pass all of them, or a failure would prove nothing.
//
//   npm run mutants                   all
//   npm run mutants -- no-sync        some, by name
//   --trust                           leaves out the run of the unchanged copy

import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MUTANTS, type Mutant } from './mutants.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const COPIED = ['service', 'storage', 'timewheel', 'test', 'package.json', 'tsconfig.json']
const RUN_MS_MAX = 5 * 60_000

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { trust: { type: 'boolean', default: false } },
})
const wanted = MUTANTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const unknown = positionals.filter((name) => !MUTANTS.some((mutant) => mutant.name === name))
if (unknown.length > 0) {
  console.error(`There is no mutant ${unknown.join(', ')}; there are ${MUTANTS.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}

for (const { name, changes } of wanted) {
  for (const { file, from } of changes) {
    if (readFileSync(join(ROOT, file), 'utf8').split(from).length === 2) continue
    console.error(`${name} does not fit any more: its text does not stand exactly once in ${file}.`)
    process.exit(2)
  }
}

let caught = 0
let survived = 0
if (!flags.trust) {
  const tree = copyOfTree()
  const all = [...new Map(wanted.flatMap(({ noticedBy }) => noticedBy).map((check) => [String(check), check])).values()]
  for (const check of all) {
    const failure = await failureOf(tree, check)
    if (failure !== undefined) {
      console.log(`unchanged: ${nameOf(check)} fails, so it can prove nothing: ${failure}`)
      survived++
    }
  }
  if (survived === 0) console.log(`unchanged: ${all.map(nameOf).join('; ')} pass`)
  rmSync(tree, { recursive: true, force: true })
}
for (const mutant of wanted) {
  const noticed = await whoNotices(mutant)
  if (noticed === undefined) survived++
  else caught++
  console.log(`${noticed === undefined ? 'SURVIVED' : 'caught'}  ${mutant.name}: ${mutant.breaks}${noticed ?? ''}`)
}
console.log(`${caught} of ${wanted.length} mutants caught`)
process.exitCode = survived === 0 ? 0 : 1

async function whoNotices(mutant: Mutant): Promise<string | undefined> {
  const tree = copyOfTree()
  for (const { file, from, to } of mutant.changes) {
    const path = join(tree, file)
    const text = readFileSync(path, 'utf8')
    writeFileSync(
      path,
      text.replace(from, () => to),
    )
  }
  let noticed: string | undefined
  for (const check of mutant.noticedBy) {
    const failure = await failureOf(tree, check)
    if (failure === undefined) continue
    noticed = `\n        by ${nameOf(check)}: ${failure}`
    break
  }
  rmSync(tree, { recursive: true, force: true })
  return noticed
}

function copyOfTree(): string {
  const tree = mkdtempSync(join(tmpdir(), 'dwell-mutant-'))
  for (const name of COPIED) cpSync(join(ROOT, name), join(tree, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  return tree
}

/** What a check complains of first; undefined when it passes. */
async function failureOf(tree: string, check: string | string[]): Promise<string | undefined> {
  if (typeof check !== 'string') {
    const { code, out } = await run(tree, ['test/crash/run.ts', '--discard', ...check])
    if (code === 0) return undefined
    const violations = [...out.matchAll(/^VIOLATION (.*)\n {2}(.*)$/gm)]
    return (
      violations.map(([, anomaly, first]) => `${anomaly}, as ${first.slice(0, 200)}`).join(`\n           `) ||
      lastLineOf(out)
    )
  }
  for (const name of readdirSync(join(tree, check)).filter((name) => name.endsWith('.test.ts'))) {
    const { code, out } = await run(tree, [join(check, name)])
    if (code !== 0) return `${name}: ${/^\s*not ok \d+ - (.*)$/m.exec(out)?.[1] ?? lastLineOf(out)}`
  }
  return undefined
}

function nameOf(check: string | string[]): string {
  return typeof check === 'string' ? check : `npm run crash -- ${check.join(' ')}`
}

function lastLineOf(out: string): string {
  return out.trim().split('\n').at(-1) ?? ''
}

async function run(tree: string, args: string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, args, { cwd: tree, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  child.stdout.on('data', (part) => (out += part))
  child.stderr.on('data', (part) => (out += part))
  const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  clearTimeout(timer)
  return { code, out }
}
