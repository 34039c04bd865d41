// Figures as a table of aligned columns.

export type Row = Record<string, string | number>

export function printTable(title: string, settings: string, rows: Row[]): void {
  console.log(`\n${title}\n  ${settings}`)
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = rows.map((row) => columns.map((column) => shown(row[column])))
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((line) => line[i].length)))
  const line = (values: string[]) => `  ${values.map((value, i) => value.padStart(widths[i])).join('  ')}`
  console.log([line(columns), ...cells.map(line)].join('\n'))
}

function shown(value: string | number | undefined): string {
  if (typeof value !== 'number') return value ?? ''
  return Number.isInteger(value) || Math.abs(value) >= 1000
    ? Math.round(value).toLocaleString('en-US')
    : value.toFixed(Math.abs(value) < 10 ? 2 : 1)
}

/** Adds to each row that has `of` what that is to the first row's. */
export function addRatios(rows: readonly Row[], of: string, name: string): void {
  for (const row of rows) {
    if (row[of] !== undefined) row[name] = Number(row[of]) / Number(rows[0][of])
  }
}

/** The value below which `share` of the sorted values lie. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}
