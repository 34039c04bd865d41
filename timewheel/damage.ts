// What damage to each file of the wheel leads to: the decisions of recovery.ts, horizon.ts and overflow-store.ts, side by
// side. test/timewheel/damage-table.test.ts holds each row against what happens; storage/damage.ts says what the words mean.

import type { DamageRow } from '../storage/index.ts'

export const WHEEL_DAMAGE: readonly DamageRow[] = [
  { file: 'slot', hit: 'anywhere', verdict: 'rebuild' },
  { file: 'slot', hit: 'cut or gone', verdict: 'rebuild' },
  { file: 'slot', hit: 'an older one in its place', verdict: 'rebuild' },
  { file: 'slot', hit: 'that of another second in its place', verdict: 'rebuild' },
  // How much of a slot's file counts, the checkpoint says.
  { file: 'slot', hit: 'too long', verdict: 'keep' },
  { file: 'slot', hit: 'one that no checkpoint names', verdict: 'keep' },
  { file: 'checkpoint of the wheel', hit: 'anywhere', verdict: 'set aside' },
  { file: 'checkpoint of the wheel', hit: 'cut', verdict: 'set aside' },
  { file: 'checkpoint of the wheel', hit: 'gone', verdict: 'rebuild' },
  // The mark says what is done, so that an older checkpoint only makes the wheel consume more of `__delay` again.
  { file: 'checkpoint of the wheel', hit: 'an older one in its place', verdict: 'keep' },
  // Nobody asks it while the machine was not booted since.
  { file: 'synced checkpoint', hit: 'anywhere', verdict: 'set aside' },
  { file: 'synced checkpoint', hit: 'cut', verdict: 'set aside' },
  { file: 'synced checkpoint', hit: 'gone', verdict: 'keep' },
  { file: 'synced checkpoint', hit: 'an older one in its place', verdict: 'keep' },
  { file: 'synced checkpoint, booted since', hit: 'anywhere', verdict: 'set aside' },
  { file: 'synced checkpoint, booted since', hit: 'gone', verdict: 'rebuild' },
  { file: 'synced checkpoint, booted since', hit: 'an older one in its place', verdict: 'rebuild' },
  { file: 'slot, booted since', hit: 'its last sector, appended to after it was synced', verdict: 'rebuild' },
  { file: '__delay', hit: 'a batch that has to be consumed', verdict: 'refuse', code: 'BATCH_DAMAGED' },
  { file: 'overflow', hit: 'gone', verdict: 'refuse', code: 'OVERFLOW_LOST' },
  { file: 'overflow', hit: 'an older one in its place', verdict: 'refuse', code: 'OVERFLOW_LOST' },
  { file: 'overflow', hit: 'a batch of rows gone', verdict: 'refuse', code: 'OVERFLOW_LOST' },
]
