// The settings of this run, out of flags, the environment and the defaults; and the rows of settings.ts in words.

import { DwellError } from '../storage/index.ts'
import { formatDuration, parseDuration } from './duration.ts'
import { type NumberRow, SETTINGS, type SettingRow, type Settings, type TextRow } from './settings.ts'
import { formatSize, parseSize } from './size.ts'

const PREFIX = 'DWELL_'

/** What the commands that ask a service read (cli/remote/connection.ts): no settings, and no mistake where one starts a service. */
const CLIENT_VARIABLES: ReadonlySet<string> = new Set(['DWELL_URL', 'DWELL_TOKEN', 'DWELL_CONTEXT', 'DWELL_CA'])

export function environmentName(name: string): string {
  return PREFIX + name
}

export function flagName(name: string): string {
  return `--${name.toLowerCase().replaceAll('_', '-')}`
}

/** What the settings are when nobody says anything. */
export function defaultSettings(): Settings {
  return readSettings({}, {})
}

/**
 * The settings out of flags (by name of the setting), else the environment, else the defaults.
 * @throws INVALID_SETTING, UNKNOWN_SETTING, each naming the setting
 */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>>,
): Settings {
  for (const variable of Object.keys(environment)) {
    if (
      !variable.startsWith(PREFIX) ||
      CLIENT_VARIABLES.has(variable) ||
      Object.hasOwn(SETTINGS, variable.slice(PREFIX.length))
    )
      continue
    throw new DwellError('UNKNOWN_SETTING', `The environment sets ${variable}, but there is no such setting.`, {
      setting: variable,
    })
  }
  const values: Record<string, unknown> = {}
  for (const [name, row] of Object.entries<SettingRow>(SETTINGS)) {
    const flag = flags[name]
    const text = flag ?? environment[PREFIX + name]
    values[name] =
      text === undefined ? row.default : parseSetting(row, text, flag === undefined ? PREFIX + name : flagName(name))
  }
  const settings = values as Settings
  checkJournal(settings)
  return settings
}

/** What an append carries beside the message: the history of its tries, and of its piece, whatever else the piece tells. */
const BESIDE_MESSAGE_BYTES = 512 * 1024

/** A message has to fit into an append together with all that may have happened to it, or it could never leave. */
function checkJournal({ JOURNAL_FILE_BYTES, MESSAGE_BYTES_MAX }: Settings): void {
  const leastBytes = 2 * MESSAGE_BYTES_MAX + BESIDE_MESSAGE_BYTES
  if (JOURNAL_FILE_BYTES >= leastBytes) return
  const given = `${environmentName('JOURNAL_FILE_BYTES')} is ${formatSize(JOURNAL_FILE_BYTES)}`
  const needed = `for ${environmentName('MESSAGE_BYTES_MAX')} of ${formatSize(MESSAGE_BYTES_MAX)} it must be at least ${formatSize(leastBytes)}`
  throw new DwellError('INVALID_SETTING', `${given}; ${needed}.`, { setting: environmentName('JOURNAL_FILE_BYTES') })
}

function parseSetting(row: SettingRow, text: string, source: string): unknown {
  switch (row.kind) {
    case 'text':
      return parseText(row, text, source)
    case 'boolean':
      if (text === 'true') return true
      if (text === 'false') return false
      throw wrong(source, text, 'true or false')
    case 'durations': {
      const list =
        text.trim() === ''
          ? []
          : text.split(',').map((part) => numberIn({ ...row, kind: 'duration', min: 1, default: 0 }, part.trim()))
      if (list.includes(Number.NaN)) throw wrong(source, text, rangeOf(row) + formsOf(row.kind))
      if (list.length > row.countMax) throw wrong(source, text, `at most ${row.countMax} durations`)
      return list
    }
    default:
      return parseNumber(row, text, source)
  }
}

function parseText(row: TextRow, text: string, source: string): string {
  if (row.choices !== undefined && !row.choices.includes(text))
    throw wrong(source, text, `one of ${row.choices.join(', ')}`)
  if (text === '' && row.default !== '') throw wrong(source, text, 'a text that is not empty')
  return text
}

function parseNumber(row: NumberRow, text: string, source: string): number {
  const value = numberIn(row, text)
  if (Number.isNaN(value)) throw wrong(source, text, rangeOf(row) + formsOf(row.kind))
  return value
}

/** NaN for what is no number of its kind, or out of range. */
function numberIn(row: NumberRow, text: string): number {
  const value = numberOf(row.kind, text)
  return Number.isInteger(value) && value >= row.min && value <= row.max ? value : Number.NaN
}

/** How values of a kind are written, where it is not plain. */
function formsOf(kind: SettingRow['kind']): string {
  if (kind === 'bytes') return ', written as 64KiB, 1.5MiB, 1GiB or a number of bytes'
  if (kind === 'duration' || kind === 'durations')
    return ', written as 250ms, 5s, 1h30m, 30d or a number of milliseconds'
  return ''
}

function numberOf(kind: NumberRow['kind'], text: string): number {
  if (kind === 'bytes') return parseSize(text)
  if (/^\d{1,15}$/.test(text)) return Number(text)
  if (kind === 'count') return Number.NaN
  try {
    return parseDuration(text, 'setting')
  } catch {
    return Number.NaN
  }
}

function wrong(source: string, text: string, allowed: string): DwellError {
  return new DwellError('INVALID_SETTING', `${source} is ${JSON.stringify(text)}; it must be ${allowed}.`, {
    setting: source,
  })
}

/** What a row accepts, in words. */
export function rangeOf(row: SettingRow): string {
  switch (row.kind) {
    case 'text':
      return row.choices === undefined ? 'text' : row.choices.join(', ')
    case 'boolean':
      return 'true or false'
    case 'durations':
      return `up to ${row.countMax} durations with commas between`
    case 'count':
      return `a whole number from ${row.min} to ${row.max}`
    case 'bytes':
      return `a size from ${formatSize(row.min)} to ${formatSize(row.max)}`
    case 'duration':
      return `a duration from ${formatDuration(row.min)} to ${formatDuration(row.max)}`
  }
}

/** The default of a row as one would write it. */
export function defaultOf(row: SettingRow): string {
  switch (row.kind) {
    case 'bytes':
      return formatSize(row.default)
    case 'duration':
      return formatDuration(row.default)
    case 'durations':
      return row.default.map(formatDuration).join(',')
    default:
      return String(row.default)
  }
}

/** The table of all settings in Markdown, as docs/settings.md has it. */
export function settingsTable(): string {
  const lines = ['| setting | default | range | |', '| --- | --- | --- | --- |']
  for (const [name, row] of Object.entries<SettingRow>(SETTINGS)) {
    lines.push(`| \`${environmentName(name)}\` | \`${defaultOf(row)}\` | ${rangeOf(row)} | ${row.sentence} |`)
  }
  return `${lines.join('\n')}\n`
}
