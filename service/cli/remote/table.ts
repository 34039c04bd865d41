// Figures under their names, as `kubectl` and Kafka's tools print them: columns as wide as their widest cell, no borders, so that
// `awk` and `cut` can take them apart.
//
// A few lines and no package: what cli-table3 adds are borders and cells over several columns.

import { stripVTControlCharacters } from 'node:util'

export type Cell = string | number | null | undefined

const GAP = '  '

/** What stands in a column: a field of the item, or something made of it. */
type Column<T> = keyof T | ((item: T) => Cell)

/** The lines, the names of the columns first. Numbers stand at the right; what is not there is `-`. */
export function table<T>(items: readonly T[], columns: Readonly<Record<string, Column<T>>>): string[] {
  const header = Object.keys(columns)
  const picks = Object.values(columns)
  const rows = items.map((item) =>
    picks.map((pick) => (typeof pick === 'function' ? pick(item) : (item[pick] as Cell))),
  )
  const texts = [header, ...rows].map((row) => row.map(textOf))
  const widths = header.map((_, i) => Math.max(...texts.map((row) => widthOf(row[i]))))
  const isNumber = header.map((_, i) => rows.some((row) => typeof row[i] === 'number'))
  return texts.map((row) => {
    const cells = row.map((text, i) => {
      const pad = ' '.repeat(widths[i] - widthOf(text))
      return isNumber[i] ? pad + text : text + pad
    })
    return cells.join(GAP).trimEnd()
  })
}

/** In one line, and without what would move the cursor of a terminal. */
function textOf(cell: Cell): string {
  if (cell === null || cell === undefined || cell === '') return '-'
  return stripVTControlCharacters(String(cell)).replace(/\p{Cc}+/gu, ' ')
}

/** Characters; combining marks take no room. */
function widthOf(text: string): number {
  return [...text.replace(/\p{M}/gu, '')].length
}
