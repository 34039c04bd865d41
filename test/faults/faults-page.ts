// README.md of this folder: its tables of faults are made of the rows, those of anomalies are written by hand.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROWS } from './rows.ts'

export const FAULTS_PAGE = join(import.meta.dirname, 'README.md')

/** The page as the rows say it. */
export function renewedFaultsPage(): string {
  return readFileSync(FAULTS_PAGE, 'utf8').replaceAll(
    /(<!-- rows ([A-Z]+):.*-->\n)[\s\S]*?(<!-- \/rows -->)/g,
    (_, begin: string, letters: string, end: string) => `${begin}\n${tableOf(letters)}\n${end}`,
  )
}

/** The rows of these letters, each letter by number. */
function tableOf(letters: string): string {
  const number = (id: string) => letters.indexOf(id[0]) * 1_000 + Number(id.slice(1))
  const ids = Object.keys(ROWS).filter((id) => letters.includes(id[0]))
  const lines = ids
    .sort((a, b) => number(a) - number(b))
    .map((id) => `| ${id} | ${ROWS[id].fault} | ${ROWS[id].promise} | ${ROWS[id].how ?? ''} |\n`)
  return `| row | fault | promise | how far it is tried |\n| --- | --- | --- | --- |\n${lines.join('')}`
}
