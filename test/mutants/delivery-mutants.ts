// Mutants of delivery: what is broken, and the anomaly as which the simulation of groups must find it, all but one. The number in the
// comment is that of the list of anomalies.

import type { Mutant } from './mutants.ts'

const SIMULATION = { seeds: 200, world: 'delivery' } as const

export const DELIVERY_MUTANTS: Mutant[] = [
  {
    // 14
    name: 'tier-off-by-one',
    breaks: 'the first failure leads to the second tier',
    changes: [
      {
        file: 'service/delivery/acknowledge/copies.ts',
        from: 'const tierMs = settings.retry[deliveryCount - 1]',
        to: 'const tierMs = settings.retry[deliveryCount]',
      },
    ],
    noticedBy: SIMULATION,
    shows: /^wrong tier: /,
  },
  {
    // 11
    name: 'lock-on-wall-time',
    breaks: 'an acquisition lock ends by the clock on the wall',
    changes: [
      {
        file: 'service/delivery/acquire/acquisition.ts',
        from: 'this.lock = { lockMs, deadlineMs: clock.monotonicMs() + lockMs }',
        to: 'this.lock = { lockMs, deadlineMs: clock.wallMs() + lockMs }',
      },
      {
        file: 'service/delivery/acknowledge/acknowledge.ts',
        from: 'const nowMs = clock.monotonicMs()',
        to: 'const nowMs = clock.wallMs()',
      },
      {
        file: 'service/delivery/lock-timer.ts',
        from: 'Math.ceil(deadlineMs - this.#clock.monotonicMs())',
        to: 'Math.ceil(deadlineMs - this.#clock.wallMs())',
      },
      {
        file: 'service/delivery/lock-timer.ts',
        from: 'this.#expire(this.#clock.monotonicMs())',
        to: 'this.#expire(this.#clock.wallMs())',
      },
      {
        file: 'service/delivery/group/group-registry.ts',
        from: 'const deadlineMs = (lockMs: number) => clock.monotonicMs() + lockMs',
        to: 'const deadlineMs = (lockMs: number) => clock.wallMs() + lockMs',
      },
    ],
    noticedBy: SIMULATION,
    shows: /^(two holders|receipt refused): /,
  },
  {
    // 10
    name: 'progress-after-answer',
    breaks: 'an acknowledgement is answered before the progress of its group is stored',
    changes: [
      {
        file: 'service/delivery/acknowledge/departure.ts',
        from: 'await this.#append([], decisions, tell).promise',
        to: 'this.#append([], decisions, tell)',
      },
    ],
    noticedBy: SIMULATION,
    shows: /^delivered after it was settled: /,
  },
  {
    // 11
    name: 'lock-over-at-start',
    breaks: 'a start lets locks that were held be over',
    changes: [
      {
        file: 'service/delivery/group/group-registry.ts',
        from: 'const deadlineMs = (lockMs: number) => clock.monotonicMs() + lockMs',
        to: 'const deadlineMs = (_lockMs: number) => clock.monotonicMs()',
      },
    ],
    noticedBy: SIMULATION,
    shows: /^(two holders|receipt refused): /,
  },
  {
    // 12
    name: 'expiry-does-not-count',
    breaks: 'a lock that runs out is no try',
    changes: [
      {
        file: 'service/delivery/acknowledge/copies.ts',
        from: 'const deliveryCount = history.deliveryCount + 1',
        to: `const deliveryCount = history.deliveryCount + (failure.cause === 'LOCK_EXPIRED' ? 0 : 1)`,
      },
    ],
    noticedBy: SIMULATION,
    shows: /^wrong count: /,
  },
  {
    // 13
    name: 'copy-apart',
    breaks: 'a failed record is put into its lane by an append of its own, before the progress of its group',
    changes: [
      {
        file: 'service/delivery/acknowledge/departure.ts',
        from: 'const promise = this.#group.append(delta, copies?.appends(delta))',
        to: `const others = copies?.appends(delta) ?? []
    const copied = others.length > 0 ? this.#parts.engine.append(others) : Promise.resolve()
    const promise = copied.then(() => this.#group.append(delta))`,
      },
    ],
    noticedBy: SIMULATION,
    shows: /^(lane records not as counted|dead letter wrong|wrong count|two holders): /,
  },
  {
    // 13
    name: 'attempts-forgotten',
    breaks: 'a retried record tells of its last try only',
    changes: [
      {
        file: 'service/delivery/acknowledge/copies.ts',
        from: 'const grown = { ...history, attempts: [...history.attempts, attempt] }',
        to: 'const grown = { ...history, attempts: [attempt] }',
      },
    ],
    noticedBy: SIMULATION,
    shows: /^attempts changed: /,
  },
  {
    // 8
    name: 'key-freed-by-release',
    breaks: 'a record that is released with a delay of its own gives its key free',
    changes: [
      {
        file: 'service/delivery/acknowledge/copies.ts',
        from: `    turns.goOn(hold.hash, lane === undefined ? 'tier' : 'held')
    if (lane === undefined) return`,
        to: `    if (lane === undefined) turns.goOn(hold.hash, 'tier')
    if (lane === undefined) return`,
      },
    ],
    noticedBy: SIMULATION,
    shows: /^(two of a key under way|overtaken within a key): /,
  },
  {
    // 8
    name: 'hold-dropped-on-restart',
    breaks: 'a start does not know which keys wait in the wheel',
    changes: [
      {
        file: 'service/delivery/keys/key-turns-load.ts',
        from: 'for (const { hash } of holds.list) hashes.push(hash)',
        to: 'if (holds.count < 0) hashes.push(0)',
      },
    ],
    noticedBy: SIMULATION,
    shows: /^(two of a key under way|overtaken within a key): /,
  },
  {
    // 8
    name: 'tier-not-counted-at-load',
    breaks: 'a start does not know the key of the record that is the next in a lane',
    changes: [
      {
        file: 'service/delivery/keys/key-turns-load.ts',
        from: 'if (offset >= next) hashes.push(hash)',
        to: 'if (offset > next) hashes.push(hash)',
      },
    ],
    noticedBy: SIMULATION,
    shows: /^(two of a key under way|overtaken within a key): /,
  },
  {
    // 8: nothing comes any more behind a record that died.
    name: 'dead-does-not-free',
    breaks: 'a record that is done alone keeps its key busy',
    changes: [
      {
        file: 'service/delivery/source/runs.ts',
        from: '      finished(run.hashOf(offset))',
        to: '      if (count > 1) finished(run.hashOf(offset))',
      },
    ],
    noticedBy: SIMULATION,
    shows: /^18: it never comes to rest/,
  },
  {
    // 19
    name: 'redrive-apart',
    breaks: 'a redriven record leaves the dead letters by an append of its own, after it is in the lane',
    changes: [
      {
        file: 'service/delivery/dead/redrive.ts',
        from: 'else await group.append(new DeltaWriter(), appends)',
        to: `else {
      await group.append(new DeltaWriter(), lanes)
      await this.#parts.engine.append([append])
    }`,
      },
    ],
    noticedBy: { test: 'test/service/delivery/dead/redrive.test.ts' },
    shows: /^a redrive goes on after a crash and moves each record once/,
  },
  {
    // 19
    name: 'purge-in-memory',
    breaks: 'a purge is not written down',
    changes: [
      { file: 'service/delivery/dead/dead-letters.ts', from: 'await engine.append([append])', to: 'void append' },
    ],
    noticedBy: SIMULATION,
    shows: /^(purge wrong|dead letter wrong): /,
  },
]
