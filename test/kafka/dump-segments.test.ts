// Kafka's own reader of segments finds nothing wrong in what the engine writes, also after retention and compaction; and
// the same check finds every kind of damage. `npm run kafka` does it with a million records. Where there is no Java or no
// Maven this is skipped; what Kafka wrote is read without either (golden.test.ts).

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkSteps } from './check-steps.ts'
import { dumpSegments } from './dump-segments.ts'
import { kafkaClassPath } from './kafka-jars.ts'

const RECORDS = 20_000
const SEGMENT_BYTES = 1024 * 1024
const GOLDEN = join(import.meta.dirname, '../golden')

const kafka = kafkaClassPath()
const skip = 'reason' in kafka ? kafka.reason : false
const classPath = 'reason' in kafka ? '' : kafka.classPath

t.test('Kafka’s reader finds nothing wrong before and after retention and compaction', { skip }, async (t) => {
  const directory = t.testdir()
  for await (const { name, checked } of checkSteps({
    classPath,
    directory,
    records: RECORDS,
    segmentBytes: SEGMENT_BYTES,
  })) {
    t.strictSame(checked.findings, [], name)
    const whole = name.startsWith('written')
    t.ok(whole ? checked.records === RECORDS : checked.records < RECORDS, `${name}: ${checked.records} records`)
    t.ok(checked.records > 1_000 && checked.files > 3 * 2 * 3, `${name}: ${checked.files} files`)
  }
})

/** Changes a file of none-0: the middle one of its segments, or its first. */
interface Damage {
  file: string
  change: (bytes: Buffer) => Buffer | undefined
}

function flipped(position: number): Damage['change'] {
  return (bytes) => {
    bytes[position] ^= 1
    return bytes
  }
}

/** The damage at which the tool ends with an exception. */
const FALLS_OVER = 'a bit of a position in an index'
const FIRST = '00000000000000000000'
const DAMAGES: Record<string, Damage> = {
  'a bit of a value': { file: `${FIRST}.log`, change: flipped(5_000) },
  'a bit of a checksum': { file: `${FIRST}.log`, change: flipped(105 + 18) },
  'a bit of a base offset': { file: `${FIRST}.log`, change: flipped(1_414 + 7) },
  'a log that is cut': { file: `${FIRST}.log`, change: (bytes) => bytes.subarray(0, -10) },
  'a log between two others that is gone': { file: '00000000000000000090.log', change: () => undefined },
  'a bit of an offset in an index': { file: `${FIRST}.index`, change: flipped(3) },
  [FALLS_OVER]: { file: `${FIRST}.index`, change: flipped(7) },
  'two entries of an index the wrong way round': {
    file: `${FIRST}.index`,
    change: (bytes) => Buffer.concat([bytes.subarray(8, 16), bytes.subarray(0, 8)]),
  },
  'half an entry of an index': { file: `${FIRST}.index`, change: (bytes) => bytes.subarray(0, -4) },
  'a bit of a timestamp in a time index': { file: `${FIRST}.timeindex`, change: flipped(7) },
  // Within a batch the tool does not look: this one names another.
  'a bit of an offset in a time index': { file: `${FIRST}.timeindex`, change: flipped(10) },
  'half an entry of a time index': { file: `${FIRST}.timeindex`, change: (bytes) => bytes.subarray(0, -1) },
}

t.test('the same check finds damage', { skip }, async (t) => {
  const root = t.testdir()
  const copy = (name: string, damage?: Damage): string => {
    const folder = join(root, name.replaceAll(' ', '-'))
    mkdirSync(folder)
    cpSync(join(GOLDEN, 'none-0'), folder, { recursive: true })
    if (damage === undefined) return folder
    const path = join(folder, damage.file)
    const changed = damage.change(readFileSync(path))
    if (changed !== undefined) writeFileSync(path, changed)
    else for (const ending of ['log', 'index', 'timeindex']) rmSync(path.replace(/log$/, ending))
    return folder
  }
  const whole = copy('nothing')
  const damaged = Object.entries(DAMAGES).map(([name, damage]) => ({ name, folder: copy(name, damage) }))
  // Where the tool falls over it says nothing of all others.
  const survived = damaged.filter(({ name }) => name !== FALLS_OVER).map(({ folder }) => folder)
  const fallen = damaged.filter(({ name }) => name === FALLS_OVER).map(({ folder }) => folder)
  const findings: string[] = []
  for (const folders of [[whole, ...survived], fallen]) {
    findings.push(...(await dumpSegments({ classPath, folders })).findings)
  }
  t.strictSame(
    findings.filter((finding) => finding.startsWith(`${whole}/`)),
    [],
    'none in what is whole',
  )
  for (const { name, folder } of damaged) {
    const found = findings.filter((finding) => finding.startsWith(`${folder}/`))
    t.ok(found.length > 0, `${name}: ${found[0]}`)
  }
})

t.test('gaps of a compacted log are right only where they are expected', { skip }, async (t) => {
  const folders = [join(GOLDEN, 'compacted-0')]
  t.strictSame((await dumpSegments({ classPath, folders, compacted: true })).findings, [])
  t.ok((await dumpSegments({ classPath, folders })).findings.length > 0)
})
