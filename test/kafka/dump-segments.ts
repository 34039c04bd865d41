// Runs Kafka's own reader, kafka.tools.DumpLogSegments, over segment files and says what it finds wrong. The tool itself
// ends with 0 whatever it finds, and does not see half entries, entries out of order, or a gap between two files; so
// each of its lines is read here, and every line that is not known to be harmless is a finding.

import { spawn } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

const FILES_PER_RUN = 100
const ENTRY_SIZES: Record<string, number> = { index: 8, timeindex: 12 }
const BATCH = /^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) .* isvalid: (true|false)$/
const RECORD = /^\| offset: (\d+) \w+Time: (-?\d+) keySize: (-?\d+) valueSize: (-?\d+) .*?headerKeys: \[(.*)\]$/
const INDEX_ENTRY = /^offset: (\d+) position: (\d+)$/
const TIME_ENTRY = /^timestamp: (\d+) offset: (\d+)$/
const FILE_NAMED = /\/\S*\d{20}\.(log|index|timeindex)/
/** What Java says of itself, and of a segment that is too small for entries. */
const HARMLESS = /^(SLF4J: |Picked up |Log starting offset: \d+$)|\d{20}\.(index|timeindex) is empty\.$/

export interface DumpedRecord {
  /** The folder of the segment. */
  folder: string
  offset: number
  timestampMs: number
  /** -1 for null. */
  keySize: number
  valueSize: number
  headerNames: string
}

export interface DumpOptions {
  classPath: string
  /** Folders with segment files; all of them are read. */
  folders: readonly string[]
  /** Gaps between offsets are right. */
  compacted?: boolean
  onRecord?: (record: DumpedRecord) => void
}

export interface Dump {
  files: number
  batches: number
  records: number
  findings: string[]
}

export async function dumpSegments(options: DumpOptions): Promise<Dump> {
  const files = options.folders.flatMap(segmentFiles)
  const reading = new DumpReading(options)
  for (const path of files) {
    const entrySize = ENTRY_SIZES[endingOf(path)]
    if (entrySize !== undefined && statSync(path).size % entrySize > 0)
      reading.find(`${path}: half an entry at the end`)
  }
  for (let i = 0; i < files.length; i += FILES_PER_RUN) {
    await runTool(options.classPath, files.slice(i, i + FILES_PER_RUN), reading)
  }
  const { batches, records, findings } = reading
  return { files: files.length, batches, records, findings }
}

/** The logs first, in order, then their indexes. */
function segmentFiles(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => /^\d{20}\.(log|index|timeindex)$/.test(name))
  return [
    ...names.filter((name) => name.endsWith('.log')).sort(),
    ...names.filter((name) => name.endsWith('index')).sort(),
  ].map((name) => join(folder, name))
}

function endingOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

async function runTool(classPath: string, files: readonly string[], reading: DumpReading): Promise<void> {
  const java = [
    '-Xmx512m',
    '-Dsun.stdout.encoding=UTF-8',
    '-Dfile.encoding=UTF-8',
    '-XX:+UseSerialGC',
    '-cp',
    classPath,
    'kafka.tools.DumpLogSegments',
  ]
  const args = ['--deep-iteration', '--max-message-size', String(100 * 1024 * 1024), '--files', files.join(',')]
  // Java prints in the encoding of the locale, which may know nothing but ASCII.
  const env = { ...process.env, LC_ALL: 'C.UTF-8' }
  const child = spawn('java', [...java, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const errors: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => errors.push(line))
  for await (const line of createInterface({ input: child.stdout })) reading.line(line)
  const code = await ended
  for (const line of errors) reading.complaint(line)
  if (code !== 0) reading.find(`the tool ended with ${code}, files behind that may not have been read`)
}

/** What the tool says, line by line. */
class DumpReading {
  batches = 0
  records = 0
  readonly findings: string[] = []
  readonly #options: DumpOptions
  #path = ''
  /** The file that a complaint is about. */
  #about = ''
  /** Where the log before this one ended, in the same folder. */
  #folder = ''
  #lastOffset = -1
  #first = true
  #lastEntry: [number, number] = [-1, -1]

  constructor(options: DumpOptions) {
    this.#options = options
  }

  find(what: string): void {
    this.findings.push(what)
  }

  line(line: string): void {
    const ending = endingOf(this.#path)
    const record = ending === 'log' ? RECORD.exec(line) : null
    const batch = ending === 'log' && record === null ? BATCH.exec(line) : null
    const entry = ending === 'index' ? INDEX_ENTRY.exec(line) : ending === 'timeindex' ? TIME_ENTRY.exec(line) : null
    if (line.startsWith('Dumping ')) this.#begin(line.slice('Dumping '.length))
    else if (record !== null) this.#record(record)
    else if (batch !== null) this.#batch(batch)
    else if (entry !== null) this.#entry(Number(entry[1]), Number(entry[2]))
    else this.complaint(line)
  }

  complaint(line: string): void {
    if (line.trim() === '' || HARMLESS.test(line)) return
    if (this.#options.compacted) {
      if (line.startsWith('Non-consecutive offsets in ')) return
      const gap = /^\s*(\d+) is followed by (\d+)$/.exec(line)
      if (gap !== null && Number(gap[2]) > Number(gap[1])) return
    }
    // What it found in a file it says at the end: the file first, then line by line.
    this.#about = FILE_NAMED.exec(line)?.[0] ?? this.#about
    this.find(`${this.#about}: ${line}`)
  }

  #begin(path: string): void {
    this.#path = this.#about = path
    this.#first = true
    this.#lastEntry = [-1, -1]
    if (endingOf(path) !== 'log' || dirname(path) === this.#folder) return
    this.#folder = dirname(path)
    this.#lastOffset = -1
  }

  #batch([line, base, last, , isValid]: RegExpExecArray): void {
    this.batches++
    const baseOffset = Number(base)
    const { compacted } = this.#options
    if (isValid !== 'true') this.find(`${this.#path}: checksum: ${line}`)
    if (this.#first && baseOffset < Number(basename(this.#path).slice(0, 20)))
      this.find(`${this.#path}: below its name: ${line}`)
    if (baseOffset <= this.#lastOffset) this.find(`${this.#path}: not behind offset ${this.#lastOffset}: ${line}`)
    else if (this.#first && this.#lastOffset >= 0 && baseOffset > this.#lastOffset + 1 && !compacted) {
      this.find(`${this.#path}: a gap behind offset ${this.#lastOffset} of the file before: ${line}`)
    }
    this.#first = false
    this.#lastOffset = Number(last)
  }

  #record([, offset, timestampMs, keySize, valueSize, headerNames]: RegExpExecArray): void {
    this.records++
    this.#options.onRecord?.({
      folder: this.#folder,
      offset: Number(offset),
      timestampMs: Number(timestampMs),
      keySize: Number(keySize),
      valueSize: Number(valueSize),
      headerNames,
    })
  }

  #entry(first: number, second: number): void {
    const [before, beforeSecond] = this.#lastEntry
    if (first <= before || second <= beforeSecond) this.find(`${this.#path}: out of order: ${first} ${second}`)
    this.#lastEntry = [first, second]
  }
}
