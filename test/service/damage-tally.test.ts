// What counts as damage: the rows of the table of errors that say so, and nothing else.

import t from 'tap'
import { tallyDamage } from '../../service/damage-tally.ts'
import { DAMAGES, ERRORS, type ErrorCode, isForRepair } from '../../service/errors.ts'

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

t.test('every code of damage counts, as a warning and as an error; no other code does', async (t) => {
  const { log, found } = tallyDamage(SILENT)
  for (const code of [...Object.keys(ERRORS), 'EIO', 'ENOENT', 'toString']) {
    log.debug({ code }, 'Said.')
    log.info({ code }, 'Said.')
    log.warn({ code }, 'Said.')
    log.error({ code }, 'Said.')
  }
  t.strictSame(found, Object.fromEntries(DAMAGES.map((code) => [code, 2])))
})

t.test('the table says of each code that names damage, or lost bytes of ours, that it is damage', async (t) => {
  const named = Object.keys(ERRORS).filter((code) => code.endsWith('_DAMAGED'))
  t.strictSame([...DAMAGES].sort(), [...named, 'MARK_UNREADABLE', 'OVERFLOW_LOST'].sort())
})

t.test(
  'repair is named where it helps: not for a slot, which is derived, nor for the identity, which cannot be',
  async (t) => {
    const elsewhere: ErrorCode[] = ['FILE_DAMAGED', 'SLOT_DAMAGED']
    t.strictSame(DAMAGES.filter((code) => !isForRepair(code)).sort(), elsewhere)
    t.notOk(isForRepair('DISK_FULL'))
  },
)
