// Sizes in bytes as people write them: 1048576, 64KiB, 1.5 GiB.

const UNITS = { GiB: 1024 ** 3, MiB: 1024 ** 2, KiB: 1024, B: 1 } as const
const FORM = /^(\d{1,15}(?:\.\d{1,3})?)\s*(GiB|MiB|KiB|B)?$/

/** Bytes, a whole number; NaN for what is no size. */
export function parseSize(text: string): number {
  const match = FORM.exec(text.trim())
  if (match === null) return Number.NaN
  const bytes = Number(match[1]) * UNITS[(match[2] ?? 'B') as keyof typeof UNITS]
  return Number.isSafeInteger(bytes) ? bytes : Number.NaN
}

/** The size in the largest unit that leaves a whole number. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of Object.entries(UNITS)) {
    if (bytes >= size && bytes % size === 0) return unit === 'B' ? String(bytes) : `${bytes / size}${unit}`
  }
  return String(bytes)
}
