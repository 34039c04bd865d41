// The faults of processes (P), disks (D), clocks (C), and by files of their own of networks, input and resources (input-rows.ts), of
// endpoints (push-rows.ts) and attacks (access-rows.ts), that Dwell is to survive, what it promises for each, and which test would
// go red if it did not. README.md shows them; rows.test.ts holds both together, and paths real. `how` says where a test falls short
// of the fault, and why there is none.

import { ACCESS_ROWS } from './access-rows.ts'
import { INPUT_ROWS } from './input-rows.ts'
import { PUSH_ROWS } from './push-rows.ts'

export interface FaultRow {
  fault: string
  promise: string
  tests: readonly string[]
  how?: string
}

export const ROWS: Readonly<Record<string, FaultRow>> = {
  P1: {
    fault: 'SIGKILL at any time under mixed load',
    promise: 'nothing acknowledged is lost, dispatch is exactly once, ready within 5 s',
    tests: ['test/crash/run.ts', 'test/service/serve.test.ts'],
  },
  P2: {
    fault: 'a kill after a write, before its sync',
    promise: 'the frame may be there or not; nobody was told success',
    tests: ['test/crash/run.ts', 'test/storage/crash.test.ts', 'test/timewheel/sweep-crash.test.ts'],
  },
  P3: {
    fault: 'a kill after a sync, before the answer',
    promise: 'the record is there; publishing its id again answers duplicate',
    tests: ['test/crash/run.ts', 'test/service/http/answer-lost.test.ts'],
  },
  P4: {
    fault: 'a kill during a checkpoint',
    promise: 'the old checkpoint or the new one, never half',
    tests: ['test/crash/run.ts', 'test/storage/crash.test.ts', 'test/timewheel/sweep-crash.test.ts'],
  },
  P5: {
    fault: 'a kill while a segment rolls, an index or a slot is written, retention deletes',
    promise: 'the next start repeats the step; doubles are harmless',
    tests: [
      'test/timewheel/sweep-power-cut.test.ts',
      'test/crash/run.ts',
      'test/storage/crash.test.ts',
      'test/storage/runs-crash.test.ts',
      'test/storage/compaction-crash.test.ts',
      'test/timewheel/sweep-crash.test.ts',
    ],
  },
  P6: {
    fault: 'a kill during recovery, again and again',
    promise: 'recovery is idempotent',
    tests: [
      'test/timewheel/sweep-power-cut.test.ts',
      'test/storage/crash.test.ts',
      'test/storage/crash-twice.test.ts',
      'test/timewheel/sweep-crash.test.ts',
    ],
  },
  P7: {
    fault: 'SIGSTOP, then SIGCONT',
    promise: 'overdue messages fire at once, oldest first; locks that ran out are releases; nothing twice',
    tests: ['test/faults/process.test.ts'],
    how: 'for 2 s with locks of 1.5 s, not for 60',
  },
  P8: {
    fault: 'SIGTERM under load; a second signal',
    promise: 'it ends in order; the second one at once, as safe as a kill',
    tests: ['test/faults/process.test.ts', 'test/service/serve.test.ts'],
  },
  P9: {
    fault: 'out of memory',
    promise: 'killed, and back under the same limit: recovery needs less memory than running',
    tests: ['test/faults/process.test.ts'],
  },
  P10: {
    fault: 'a blocked event loop',
    promise: 'late, not early; the lateness shows it, and the age of the last tick where only the wheel waits',
    tests: ['test/faults/process.test.ts', 'test/faults/slow-disk.test.ts'],
    how: 'while the loop is blocked nobody can ask for a metric, and the wheel ticks before the first who does',
  },
  P11: {
    fault: 'a second process on the same directory; a copy started beside it',
    promise: 'the lock names its owner; a copy carries the same cluster id and says so',
    tests: ['test/service/serve.test.ts', 'test/faults/process.test.ts'],
  },
  P12: {
    fault: 'an unhandled rejection, a failed assertion',
    promise: 'the process ends at once, not with 0',
    tests: ['test/service/serve.test.ts'],
  },
  D1: {
    fault: 'power cut: unsynced sectors lost, reordered, torn',
    promise: 'nothing acknowledged is lost, batches are whole',
    tests: [
      'test/timewheel/sweep-power-cut.test.ts',
      'test/storage/crash.test.ts',
      'test/timewheel/sweep-crash.test.ts',
      'test/simulation/simulation.test.ts',
      'test/crash/run.ts',
    ],
    how: 'at the seam, not below the kernel: device mapper is not to be had',
  },
  D2: {
    fault: 'a lost area reads as zeros, as old contents, as garbage',
    promise: 'found by checksum; the tail is cut at the last good frame',
    tests: [
      'test/timewheel/sweep-power-cut.test.ts',
      'test/storage/crash.test.ts',
      'test/storage/damage-table.test.ts',
      'test/storage/recovery.test.ts',
    ],
  },
  D3: {
    fault: 'a new file without its directory entry',
    promise: 'the directory is synced before the file is relied on',
    tests: ['test/timewheel/sweep-power-cut.test.ts', 'test/storage/crash.test.ts'],
  },
  D4: {
    fault: 'a rename persists, the contents do not',
    promise: 'contents are synced before the rename',
    tests: ['test/timewheel/sweep-power-cut.test.ts', 'test/storage/crash.test.ts'],
  },
  D5: {
    fault: 'a sync fails once',
    promise: 'the process stops, and answers nothing with success after it',
    tests: ['test/faults/failed-sync.test.ts', 'test/storage/crash.test.ts', 'test/timewheel/sweep-failure.test.ts'],
  },
  D6: {
    fault: 'a write fails, or is short',
    promise: 'the process stops; a partial frame is cut at the next start',
    tests: ['test/faults/failed-sync.test.ts', 'test/storage/crash.test.ts', 'test/timewheel/sweep-failure.test.ts'],
  },
  D7: {
    fault: 'no space, or no quota, at each call',
    promise: 'refusals first, then a stop with path and bytes; with room again all is there',
    tests: [
      'test/faults/disk-full.test.ts',
      'test/storage/disk-space.test.ts',
      'test/storage/journal-space.test.ts',
      'test/storage/crash.test.ts',
      'test/timewheel/sweep-failure.test.ts',
    ],
    how: 'a quota only at the seam: tmpfs has none',
  },
  D8: {
    fault: 'no space inside a compaction of LevelDB',
    promise: 'noticed; no write is confirmed until it is opened anew',
    tests: ['test/faults/disk-full.test.ts', 'test/storage/keyed-store.test.ts'],
  },
  D9: {
    fault: 'the file system turns read-only',
    promise: 'a stop with a sentence; nothing in memory runs ahead',
    tests: ['test/faults/disk-gone.test.ts'],
  },
  D10: {
    fault: 'a segment, a slot, the checkpoint cannot be read',
    promise: 'the request fails with a code, the slot is derived again, the older checkpoint serves; counted',
    tests: ['test/faults/failed-sync.test.ts', 'test/storage/crash.test.ts', 'test/timewheel/sweep-failure.test.ts'],
  },
  D11: {
    fault: 'a bit flips in the middle of the journal',
    promise: 'no start past it, with place and reason',
    tests: ['test/storage/damage-table.test.ts', 'test/storage/recovery.test.ts'],
  },
  D12: {
    fault: 'a bit flips in the end of the journal',
    promise: 'cut, and said how many bytes',
    tests: ['test/storage/damage-table.test.ts', 'test/storage/recovery.test.ts'],
  },
  D13: {
    fault: 'a bit flips in a segment',
    promise: 'the batch is refused, its offsets are reported, others are served',
    tests: ['test/storage/damage-table.test.ts', 'test/storage/segment-damage.test.ts'],
  },
  D14: {
    fault: 'an index is damaged, missing, too long',
    promise: 'rebuilt, with the same answers',
    tests: ['test/storage/damage-table.test.ts', 'test/storage/damage.test.ts'],
  },
  D15: {
    fault: 'a slot file is damaged, missing, foreign',
    promise: 'derived again from __delay',
    tests: ['test/timewheel/damage-table.test.ts', 'test/timewheel/slot.test.ts'],
  },
  D16: {
    fault: 'LevelDB is damaged, or older than the checkpoint says',
    promise: 'indexes are rebuilt; with overflow rows gone the start is refused',
    tests: [
      'test/service/damaged-stores.test.ts',
      'test/storage/keyed-store.test.ts',
      'test/timewheel/overflow-store.test.ts',
      'test/timewheel/damage-table.test.ts',
      'test/service/publish/ids.test.ts',
    ],
  },
  D17: {
    fault: 'an older version of a region returns',
    promise: 'told by sequence and salt, or harmless',
    tests: ['test/timewheel/stale.test.ts', 'test/storage/recovery.test.ts'],
    how: 'the newest frames of the journal taken back cannot be told from frames never written',
  },
  D18: {
    fault: 'a whole older backup is restored',
    promise: 'it starts; that it was elsewhere before is said',
    tests: ['test/timewheel/stale.test.ts', 'test/faults/process.test.ts'],
    how: 'told by where it was last used; one restored in its own place cannot be told from the original',
  },
  D19: {
    fault: 'a disk that takes seconds for a sync',
    promise: 'lateness grows, memory does not; 503 with Retry-After; nothing is a success that is not durable',
    tests: ['test/faults/slow-disk.test.ts'],
    how: 'at the seam: the limits of the control groups here do not reach this disk',
  },
  D20: {
    fault: 'no descriptors left',
    promise: 'fewer connections are taken; journal and slots have theirs',
    tests: ['test/faults/process.test.ts', 'test/service/descriptors.test.ts'],
  },
  D21: {
    fault: 'no more files fit; permissions taken away; the directory removed',
    promise: 'refused or stopped, by name',
    tests: ['test/faults/disk-full.test.ts', 'test/faults/disk-gone.test.ts', 'test/storage/disk-space.test.ts'],
  },
  C1: {
    fault: 'the wall clock steps back by a second, an hour, a year',
    promise: 'the hand holds; nothing is early, nothing twice; log, metric and /readyz say so',
    tests: ['test/faults/clock-process.test.ts', 'test/faults/clock.test.ts', 'test/timewheel/hand-clock.test.ts'],
  },
  C2: {
    fault: 'the wall clock steps ahead by a second, two hours, ten years, and back',
    promise: 'followed after the settle time; beyond what can be right never, so ten years are not fired at once',
    tests: ['test/faults/clock-process.test.ts', 'test/faults/clock.test.ts', 'test/timewheel/hand-clock.test.ts'],
  },
  C3: {
    fault: 'drift of 5 %; a clock that strobes',
    promise: 'no later than the clock is off, nothing early',
    tests: ['test/faults/clock.test.ts', 'test/timewheel/hand-clock.test.ts'],
    how: 'injected: libfaketime would let the monotonic clock drift too, and Node hangs with it',
  },
  C4: {
    fault: 'started in 1970 or in 2099, corrected later',
    promise: 'it starts, holds and says so, refuses delays that it cannot reckon; once corrected all is normal',
    tests: [
      'test/faults/clock-process.test.ts',
      'test/faults/clock.test.ts',
      'test/timewheel/hand-clock.test.ts',
      'test/service/delivery/source/lane-start.test.ts',
    ],
  },
  C5: {
    fault: 'the machine is suspended, or down for a day',
    promise: 'what is overdue fires at once, oldest first, in bounded steps; publishing has its turns meanwhile',
    tests: ['test/faults/clock.test.ts', 'test/faults/clock-process.test.ts', 'test/timewheel/hand-clock.test.ts'],
    how: 'suspend injected, downtime on the real process; ten thousand overdue, not a million',
  },
  C6: {
    fault: 'a leap second, a change of summer time, another zone',
    promise: 'no change: time is epoch milliseconds of UTC',
    tests: ['test/faults/clock-process.test.ts'],
    how: 'Linux shows a leap second as one that comes twice: the step back by a second of C1',
  },
  C7: {
    fault: 'the monotonic clock freezes or jumps, as when a virtual machine is moved',
    promise: 'each tick finds the present anew; a tick that stays away shows in a metric, and in /readyz after 30 s',
    tests: ['test/faults/clock.test.ts', 'test/timewheel/hand-clock.test.ts', 'test/service/http/clock.test.ts'],
  },
  ...INPUT_ROWS,
  ...PUSH_ROWS,
  ...ACCESS_ROWS,
}
