// What networks do to those who call (N, but N4, which is in push-rows.ts), what input does (I), and what is taken away while
// all goes on (R): rows of rows.ts that are tried beside the code that they are about.

import type { FaultRow } from './rows.ts'

const HTTP = 'test/service/http'

export const INPUT_ROWS: Readonly<Record<string, FaultRow>> = {
  N1: {
    fault: 'an answer that is lost behind a success',
    promise: 'its caller cannot know; publishing the same id again answers what was published',
    tests: [`${HTTP}/answer-lost.test.ts`],
  },
  N2: {
    fault: 'a connection that breaks in the middle of a body, half of the lines sent',
    promise: 'nothing of it is published',
    tests: [`${HTTP}/connections.test.ts`],
  },
  N3: {
    fault: 'a client that leaves while acquire waits, or behind its answer',
    promise: 'no record goes with it; what it was handed comes again, counted, when the lock is over',
    tests: [`${HTTP}/connections.test.ts`],
  },
  N5: {
    fault: 'connections that are half open, or idle by the thousand',
    promise: 'closed when nothing has come on them for the time that is set, the silent ones first when room is short',
    tests: [`${HTTP}/limits.test.ts`],
    how: 'silent connections, not ones whose packets a kernel drops',
  },
  N6: {
    fault: 'a log on other machines: a partition of the network, a slow broker, a fenced producer',
    promise: 'none: the log is on the disk of the process',
    tests: [],
    how: 'there is no such engine',
  },
  I1: {
    fault: 'any bytes to any parser and any reader of files',
    promise: 'their contents, or an error with a code; time and memory are bounded',
    tests: [
      'test/storage/codec.test.ts',
      'test/storage/record-page.test.ts',
      'test/service/json-scanner.test.ts',
      'test/service/publish/message.test.ts',
    ],
  },
  I2: {
    fault: 'very many messages due in one second; a million of one key',
    promise: 'bounded steps, in order, inside the budget of memory',
    tests: ['test/bench/burst.ts', 'test/service/delivery/keys/parked-places.test.ts'],
    how: 'the second due at once by hand, as a benchmark',
  },
  I3: {
    fault: 'topics, groups and keys by the thousand',
    promise: 'rates hold, and so does the time that a scrape takes',
    tests: ['test/bench/topics.ts', 'test/bench/scrape.ts', 'test/bench/key-order.ts'],
    how: 'by hand, as benchmarks',
  },
  I4: {
    fault: 'a record, or a batch, at its limit and one byte beyond',
    promise: 'taken, and refused',
    tests: [`${HTTP}/bad-input.test.ts`, 'test/service/publish/message.test.ts'],
  },
  R1: {
    fault: 'most of the CPU taken away',
    promise: 'late, alive, never early',
    tests: [],
    how: 'not tried by itself: P7 and P10 take all of it for a while',
  },
  R2: {
    fault: 'little memory',
    promise: 'it serves and recovers inside 256 MiB',
    tests: ['test/faults/process.test.ts'],
    how: 'with the load of P9',
  },
}
