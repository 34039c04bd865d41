// What endpoints do to a group that pushes to them (N4), and what is tried with them (A8 to A15): the rows of rows.ts that are
// tried beside the code of push. The table of address forms of A10 is SPECIAL in allowed-hosts.test.ts.

import type { FaultRow } from './rows.ts'

const PUSH = 'test/service/push'

export const PUSH_ROWS: Readonly<Record<string, FaultRow>> = {
  N4: {
    fault:
      'an endpoint refuses, hangs, resets, drips, pours, redirects, fails at TLS or DNS, has a dead address of three',
    promise: 'the push ends in time and is a release; little is read; others are not affected',
    tests: [
      `${PUSH}/answers.test.ts`,
      `${PUSH}/unreachable.test.ts`,
      `${PUSH}/sockets.test.ts`,
      `${PUSH}/endpoint.test.ts`,
      'test/bench/push-neighbours.ts',
    ],
  },
  A8: {
    fault: 'the URL of an endpoint is loopback, link-local, a metadata service, an address of this machine',
    promise: 'refused when it is set, and when it is dialled, literal addresses too',
    tests: [`${PUSH}/allowed-hosts.test.ts`, `${PUSH}/dialled-addresses.test.ts`, 'test/service/http/push.test.ts'],
  },
  A9: {
    fault: 'a name that stands for another address between check and connection',
    promise: 'what is dialled is the address that was checked',
    tests: [`${PUSH}/dialled-addresses.test.ts`],
  },
  A10: {
    fault: 'addresses in other clothes: IPv4 in IPv6, NAT64, 6to4, decimal, octal, 0.0.0.0, shared and local ranges',
    promise: 'each form is known for what it is',
    tests: [`${PUSH}/allowed-hosts.test.ts`],
  },
  A11: {
    fault: 'a redirect to inside',
    promise: 'no redirect is followed; it is a failure',
    tests: [`${PUSH}/answers.test.ts`],
  },
  A12: {
    fault: 'endpoints inside are meant to be reached, and no more than those',
    promise: 'private networks only by the setting; a metadata service only by its own address',
    tests: [`${PUSH}/allowed-hosts.test.ts`],
    how: 'that only an admin sets URLs is for the tests of rights',
  },
  A13: {
    fault: 'an answer without end, packed, with a flood of fields, chunk extensions, early hints or trailers',
    promise: '64 KiB of a body and 256 KiB in all are read, nothing is unpacked, and it ends in time',
    tests: [`${PUSH}/answers.test.ts`],
  },
  A14: {
    fault: 'headers of a message, or of a group, that break a line or speak for the connection, the host, the sender',
    promise: 'those of a message come under a name of their own; what no header can carry is left out and counted',
    tests: [`${PUSH}/push-request.test.ts`, 'test/service/http/push.test.ts'],
  },
  A15: {
    fault: 'a push that was forged, changed or sent again',
    promise: 'a receiver with the package of the specification tells; a secret can be changed without a gap',
    tests: [`${PUSH}/push-request.test.ts`, 'test/service/http/push.test.ts'],
  },
}
