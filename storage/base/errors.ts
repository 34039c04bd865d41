// What users, disks and networks do wrong. `code` is stable; service/errors.ts says of each code its HTTP status,
// its title and whether trying again helps.

export class DwellError extends Error {
  override name = 'DwellError'
  readonly code: string
  /** Facts that help the reader: `limit`, `line`, `field`, `path`, `offset` … */
  readonly fields: Readonly<Record<string, string | number | boolean>>

  constructor(code: string, sentence: string, fields: Record<string, string | number | boolean> = {}, cause?: unknown) {
    super(sentence, cause === undefined ? undefined : { cause })
    this.code = code
    this.fields = fields
  }
}
