// The README of the chart lists every value: its default out of values.yaml, its meaning and its range out of the schema.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { defaultOf } from '../../service/config.ts'
import { SETTINGS, type SettingName } from '../../service/settings.ts'
import { CHART } from './chart.ts'
import { type Schema, valuesSchema } from './values-schema.ts'

export const README = join(CHART, 'README.md')
const TABLE = /(<!-- values:.*-->\n)[\s\S]*?(<!-- \/values -->)/

/** The README with the table of values as it should be. */
export function renewed(readme: string): string {
  const defaults = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8'))
  const lines = ['| value | default | |', '| --- | --- | --- |', ...rows(valuesSchema(), defaults, '')]
  return readme.replace(TABLE, `$1\n${lines.join('\n')}\n\n$2`)
}

function* rows(schema: Schema, defaults: unknown, prefix: string): Generator<string> {
  for (const [name, property] of Object.entries(schema.properties as Record<string, Schema>)) {
    const path = prefix + name
    const value = (defaults as Record<string, unknown> | undefined)?.[name]
    if (property.description !== undefined) yield `| \`${path}\` | ${shown(path, value)} | ${property.description} |`
    if (property.properties !== undefined) yield* rows(property, value, `${path}.`)
  }
}

function shown(path: string, value: unknown): string {
  const [folder, name] = path.split('.')
  if (folder === 'settings' && name !== undefined) return `\`${value ?? defaultOf(SETTINGS[name as SettingName])}\``
  if (path === 'settings' || value === undefined) return ''
  return `\`${JSON.stringify(value)}\``
}
