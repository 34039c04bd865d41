// The attacks on the front door that Dwell is to survive: rows A1 to A7 and A16 to A32 of the table of rows.ts. Most are played
// against the real process by attacks.ts too; attack-table.ts prints them with what happened.

import type { FaultRow } from './rows.ts'

const PLAYED = 'test/faults/attacks.ts'

export const ACCESS_ROWS: Readonly<Record<string, FaultRow>> = {
  A1: {
    fault: 'no token, a wrong token, the time that a comparison takes',
    promise: '401; tokens are kept as hashes, hashes are looked up and compared in constant time',
    tests: [
      PLAYED,
      'test/service/http/tokens.test.ts',
      'test/service/access/access.test.ts',
      'test/service/http/request-forms.test.ts',
    ],
    how: 'that the comparison takes constant time is by construction: no test measures it',
  },
  A2: {
    fault: 'guesses of a token',
    promise: 'counted by address, slowed with Retry-After, in a table that is bounded; who has a token is let in',
    tests: [PLAYED, 'test/service/access/access.test.ts', 'test/service/access/failed-attempts.test.ts'],
  },
  A3: {
    fault: 'a token for other topics; lists and forecast',
    promise: '403 with the same words whether it exists or not; lists and forecast leave it out',
    tests: [PLAYED, 'test/service/http/tokens.test.ts', 'test/service/http/rights.test.ts'],
  },
  A4: {
    fault: 'a publisher purges, redrives, configures',
    promise: '403; every route is tried with every right, and one that does not say what it asks is not built',
    tests: [PLAYED, 'test/service/http/rights.test.ts'],
  },
  A5: {
    fault: 'fields and headers that only the service sets',
    promise: 'refused: attempts cannot be forged',
    tests: [PLAYED, 'test/service/http/bad-input.test.ts'],
  },
  A6: {
    fault: 'forged web tokens',
    promise: '401; algorithms are pinned, no address of a token is asked',
    tests: [PLAYED, 'test/service/access/web-tokens.test.ts'],
  },
  A7: {
    fault: 'the address of the keys is down, slow, huge, or has new keys',
    promise: 'old keys for a day; one bounded request at a time, and none sooner than the cooldown',
    tests: ['test/service/access/web-tokens.test.ts'],
  },
  A16: { fault: 'slow headers', promise: '408 within 12 s', tests: [PLAYED, 'test/service/http/limits.test.ts'] },
  A17: {
    fault: 'a slow body',
    promise:
      '408 when it brings less than a least rate over ten seconds, or when the time for a request is over; bodies that are arriving are bounded together',
    tests: [PLAYED, 'test/service/http/slow-clients.test.ts', 'test/service/http/limits.test.ts'],
  },
  A18: {
    fault: 'idle connections, calls of acquire that wait',
    promise:
      'bounded in all, of an address and of a token, with 429 or 503; when they are many those go first on which nothing came; answers that nobody reads are given up',
    tests: [PLAYED, 'test/service/http/limits.test.ts', 'test/service/http/slow-clients.test.ts'],
    how: 'hundreds where a bound of hundreds is set, not 10,000',
  },
  A19: {
    fault: 'a body over the limit, chunks that lie, a line without an end',
    promise: '413 while it is read, and the socket closed; forms that others may read differently are refused',
    tests: [
      PLAYED,
      'test/service/http/connections.test.ts',
      'test/service/http/bad-input.test.ts',
      'test/service/http/request-forms.test.ts',
    ],
  },
  A20: {
    fault: 'a compressed body',
    promise: 'refused unread',
    tests: [PLAYED, 'test/service/http/bad-input.test.ts'],
  },
  A21: {
    fault: 'JSON that is deep, ambiguous, or not what JavaScript can hold',
    promise: 'refused, or kept byte by byte',
    tests: [PLAYED, 'test/service/http/bad-input.test.ts'],
  },
  A22: {
    fault: 'names that lead elsewhere',
    promise: 'refused by one pattern; not a file more in the data directory',
    tests: [PLAYED, 'test/service/http/bad-input.test.ts'],
  },
  A23: {
    fault: 'topics, groups, partitions without end',
    promise: 'bounded in all, topics of a token too',
    tests: [PLAYED, 'test/service/http/limits.test.ts'],
    how: 'ids are bounded by the window in which they are remembered, not by bytes',
  },
  A24: {
    fault: 'the disk filled with messages for next year',
    promise: 'bounded of a topic and of a token, in number and in bytes; below the watermark nothing is taken',
    tests: [
      PLAYED,
      'test/service/http/limits.test.ts',
      'test/timewheel/waiting.test.ts',
      'test/timewheel/census.test.ts',
    ],
  },
  A25: {
    fault: 'receipts guessed, changed, of another group, used twice',
    promise: 'invalid: a receipt holds 128 random bits that its group keeps',
    tests: [PLAYED],
    how: 'without a MAC: what is random and kept needs none',
  },
  A26: {
    fault: 'a web page posts, or points its own name here',
    promise: '403 on every route; no page may read an answer',
    tests: [
      PLAYED,
      'test/service/http/web-pages.test.ts',
      'test/service/http/operations.test.ts',
      'test/service/http/request-forms.test.ts',
    ],
  },
  A27: {
    fault: 'script in values, keys, headers, ids and reasons, for who looks at a page of the service',
    promise:
      'pages below /docs hold nothing that was stored or sent; nothing runs on them, and problems are never taken for pages',
    tests: [PLAYED, 'test/service/http/docs.test.ts', 'test/service/http/docs-in-browser.ts'],
    how: 'the last by hand, in Chromium',
  },
  A28: {
    fault: 'a filter as a regular expression',
    promise: 'taken literally',
    tests: [PLAYED],
  },
  A29: {
    fault: 'metrics, readiness and documents as sources of names',
    promise: 'metrics only for tokens that see all topics, unless a setting says otherwise; the others name nothing',
    tests: [PLAYED, 'test/service/http/tokens.test.ts'],
  },
  A30: {
    fault: 'lines and secrets for the log',
    promise: 'JSON lines; no token, no hash, no body',
    tests: [PLAYED],
  },
  A31: {
    fault: 'a package that was exchanged or that vanished',
    promise: 'the bytes of each are in the lock file, none comes from elsewhere, those that run something are named',
    tests: ['test/packages.test.ts'],
    how: 'the package is private: there is no publishing whose provenance could be shown',
  },
  A32: {
    fault: 'a container that is broken out of, or whose files are changed',
    promise:
      'the chart keeps the restricted standard: no root, nothing gained, no capabilities, nothing to write but data',
    tests: ['test/helm/chart.test.ts', 'test/helm/image.ts', 'test/helm/cluster.ts'],
    how: 'that a kernel keeps it is not tried; the image and the cluster are scripts, for want of an engine in most places',
  },
}
