// npm run mutants: applies each mutant to a copy of the tree and must see what is named beside it fail. First the copy
// as it is must pass all of them, or a failure would prove nothing.
//
//   npm run mutants                   all
//   npm run mutants -- no-sync        some, by name
//   --trust                           leaves out the run of the unchanged copy

import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Finder, MUTANTS, type Mutant } from './mutants.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const COPIED = ['service', 'storage', 'timewheel', 'test', 'package.json', 'tsconfig.json']
const RUN_MS_MAX = 3 * 60_000

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

const tree = mkdtempSync(join(tmpdir(), 'dwell-mutants-'))
for (const name of COPIED) cpSync(join(ROOT, name), join(tree, name), { recursive: true })
symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
const beganMs = performance.now()
try {
  for (const mutant of wanted) for (const change of mutant.changes) checkFits(mutant, change)
  process.exitCode = (flags.trust || (await isSound())) && (await areCaught()) ? 0 : 1
} finally {
  rmSync(tree, { recursive: true, force: true })
}

function checkFits({ name }: Mutant, { file, from }: Mutant['changes'][number]): void {
  if (readFileSync(join(tree, file), 'utf8').split(from).length === 2) return
  throw new Error(`${name} does not fit any more: its text does not stand exactly once in ${file}.`)
}

/** Whether everything that is to find a mutant finds nothing without one. */
async function isSound(): Promise<boolean> {
  const finders = [...new Map(wanted.map(({ noticedBy }) => [nameOf(noticedBy), noticedBy])).values()]
  let sound = true
  for (const finder of finders) {
    const complaint = await complaintOf(finder)
    console.log(`unchanged  ${nameOf(finder)} ${complaint === undefined ? 'finds nothing' : `FINDS ${complaint}`}`)
    sound &&= complaint === undefined
  }
  return sound
}

async function areCaught(): Promise<boolean> {
  let caught = 0
  for (const mutant of wanted) {
    const { name, breaks, noticedBy, shows } = mutant
    const restore = apply(mutant)
    const complaint = await complaintOf(noticedBy, shows)
    restore()
    if (complaint !== undefined) caught++
    const found = complaint === undefined ? '' : `\n           ${nameOf(noticedBy)} finds ${complaint}`
    console.log(`${complaint === undefined ? 'SURVIVED' : 'caught  '}   ${name}: ${breaks}${found}`)
  }
  console.log(`${caught} of ${wanted.length} mutants caught in ${Math.round((performance.now() - beganMs) / 1000)} s`)
  return caught === wanted.length
}

/** Changes the copy; answers what takes the change back. */
function apply({ changes }: Mutant): () => void {
  const originals = new Map<string, string>()
  for (const { file, from, to } of changes) {
    const path = join(tree, file)
    const text = readFileSync(path, 'utf8')
    if (!originals.has(path)) originals.set(path, text)
    writeFileSync(
      path,
      text.replace(from, () => to),
    )
  }
  return () => {
    for (const [path, text] of originals) writeFileSync(path, text)
  }
}

/** The first complaint of a finder, or the first that says what `shows` asks for; undefined when there is none. */
async function complaintOf(finder: Finder, shows?: RegExp): Promise<string | undefined> {
  const [args, complaints] =
    'test' in finder
      ? [[finder.test], /^\s*not ok \d+ - (.*)\n/gm]
      : [['test/simulation/run.ts', '--keep-going', ...argumentsOf(finder)], /^SEED \d+ .*\n {2}(.*)\n/gm]
  const find = (out: string) => {
    return [...out.matchAll(complaints)].map(([, said]) => said).find((said) => shows?.test(said) ?? true)
  }
  const { code, out } = await run(args, (soFar) => find(soFar) !== undefined)
  const found = find(out)?.slice(0, 200)
  if (found !== undefined || code === 0 || shows !== undefined) return found
  return `${out.trim().split('\n').at(-1)}, exit ${code}`
}

function nameOf(finder: Finder): string {
  return 'test' in finder ? finder.test : `npm run sim -- ${argumentsOf(finder).join(' ')}`
}

function argumentsOf({ seeds, world }: Exclude<Finder, { test: string }>): string[] {
  return ['--seeds', String(seeds), '--world', world]
}

/** Runs a program of the copy until it ends, or until what it has said is `enough`. */
async function run(args: string[], enough: (out: string) => boolean): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, args, {
    cwd: tree,
    env: { ...process.env, SWEEP: 'all' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  const hear = (part: Buffer) => {
    out += part
    if (enough(out)) child.kill('SIGKILL')
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  clearTimeout(timer)
  return { code, out }
}
